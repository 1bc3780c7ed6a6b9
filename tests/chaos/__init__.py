"""The chaos run: real sockets, processes that are killed, a network that fails; then the count.

``python -m tests.chaos --minutes 10 --seed 7``
"""
