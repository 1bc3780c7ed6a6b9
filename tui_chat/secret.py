"""A string that does not show itself.

Tokens, keys and tickets travel through the library wrapped in :class:`Secret`, so that a stray
``repr``, log line, f-string or traceback shows a mask instead of the value.
"""

from __future__ import annotations

import os
from typing import Final, NoReturn

__all__ = ["MASK", "Secret"]

MASK: Final = "********"
"""What is shown in place of a secret, here and wherever a text may repeat one."""
# Digests are keyed per process: two of them can be compared within one run, and none of them
# helps to guess a weak secret later.
_DIGEST_KEY: Final = os.urandom(16)


class Secret:
    """Holds one secret string; only :meth:`reveal` gives it out.

    Equality takes the same time wherever the values differ. A secret cannot be pickled or copied
    into a file by accident: serialising it raises :class:`TypeError`.
    """

    __slots__ = ("__value",)

    def __init__(self, value: str | Secret) -> None:
        self.__value: str = value.reveal() if isinstance(value, Secret) else value

    def reveal(self) -> str:
        """Return the value itself. Call it where the value leaves for the wire, nowhere else."""
        return self.__value

    def digest(self) -> str:
        """Return eight hexadecimal characters that identify the value within this process."""
        import hashlib  # noqa: PLC0415 - the first frame must not wait for OpenSSL

        data = self.__value.encode("utf-8", "surrogatepass")
        return hashlib.blake2b(data, digest_size=4, key=_DIGEST_KEY).hexdigest()

    def __bool__(self) -> bool:
        return bool(self.__value)

    def __len__(self) -> int:
        return len(self.__value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        import hmac  # noqa: PLC0415 - the same

        mine = self.__value.encode("utf-8", "surrogatepass")
        theirs = other.reveal().encode("utf-8", "surrogatepass")
        return hmac.compare_digest(mine, theirs)

    def __hash__(self) -> int:
        return hash(self.__value)

    def __repr__(self) -> str:
        return f"Secret({MASK!r})"

    def __str__(self) -> str:
        return MASK

    def __format__(self, format_spec: str) -> str:
        return format(MASK, format_spec)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret cannot be serialised")
