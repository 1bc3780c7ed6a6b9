"""How fast the engine is, as ratios: each measurement runs its peer beside it, in the same run.

``python -m tests.benchmarks`` prints a table; :mod:`tests.benchmarks.report` says what ``--json``
writes. Not tests: nothing passes or fails by time, only by working at all.
"""
