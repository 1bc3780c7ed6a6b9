"""What runs in processes of its own; see :mod:`tests.benchmarks.processes`."""
