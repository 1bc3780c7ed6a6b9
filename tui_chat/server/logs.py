"""What ``tui-chat serve`` writes while it runs."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["logging_to_stderr"]


@contextmanager
def logging_to_stderr(*, quiet: bool = False) -> Iterator[None]:
    """Write the server's own lines to stderr for the length of the block.

    Of its libraries only warnings are written: what they say besides, the server says better.

    Args:
        quiet: of the server, too, only warnings.
    """
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s  %(message)s", "%H:%M:%S"))
    levels = {
        logging.getLogger("tui_chat.server"): logging.WARNING if quiet else logging.INFO,
        logging.getLogger("uvicorn.error"): logging.WARNING,
    }
    before = {logger: (logger.level, logger.propagate) for logger in levels}
    for logger, level in levels.items():
        logger.setLevel(level)
        logger.propagate = False
        logger.addHandler(handler)
    try:
        yield
    finally:
        for logger, (level, propagate) in before.items():
            logger.removeHandler(handler)
            logger.setLevel(level)
            logger.propagate = propagate
