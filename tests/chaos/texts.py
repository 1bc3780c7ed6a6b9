"""What is typed in a chaos run: texts that say which message they are, and whether they are whole.

Some are the same again and again, as people's are; of those only the number can be compared.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Final

__all__ = ["COMMON", "compose", "number_of", "sound"]

COMMON: Final = ("yes", "go on", "and then?")
"""Texts that are typed over and over."""
_COMMON_SHARE: Final = 0.03
_LONG_SHARE: Final = 0.02


def compose(number: int, rng: random.Random) -> str:
    """Return what message ``number`` says."""
    drawn = rng.random()
    if drawn < _COMMON_SHARE:
        return rng.choice(COMMON)
    # Long ones are cut in the middle of a frame.
    size = rng.randint(2_000, 60_000) if drawn > 1 - _LONG_SHARE else rng.randint(0, 80)
    return _whole(number, size)


def _whole(number: int, size: int) -> str:
    return f"{number:09d} {size} {'x' * size}"


def number_of(text: str) -> int | None:
    """Return which message a text is, None for one of the common ones."""
    head = text.partition(" ")[0]
    return int(head) if len(head) == 9 and head.isdigit() else None


def sound(texts: Iterable[str]) -> bool:
    """Say whether these are texts that were composed here, each of them whole."""
    for text in texts:
        number, size = number_of(text), text.split(" ", 2)[1:2]
        if text in COMMON:
            continue
        if number is None or not size or not size[0].isdigit():
            return False
        if text != _whole(number, int(size[0])):
            return False
    return True
