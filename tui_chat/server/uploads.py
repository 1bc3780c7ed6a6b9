"""Files that clients have uploaded, in memory.

Nothing touches the disk: no name that a client chose can become a path, and nothing is left behind
when the server ends. What that costs is bounded, and those who take the most make room first.
"""

from __future__ import annotations

import re
import secrets
import unicodedata
from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

__all__ = ["StoredFile", "UploadStore", "is_folder", "safe_name"]

MAX_NAME: Final = 80
"""Characters of a file's name; longer ones are cut, the extension stays."""
_FOLDER: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}(/[A-Za-z0-9][A-Za-z0-9_-]{0,63}){0,3}")
_UNSAFE: Final = re.compile(r"[^\w.-]+")

_SHOWABLE: Final = frozenset(
    {"image/png", "image/jpeg", "image/gif", "image/webp", "application/pdf", "text/plain"}
)
"""Types that are kept; anything else goes out as a stream of bytes, HTML and SVG above all."""
BYTES: Final = "application/octet-stream"


@dataclass(frozen=True, slots=True)
class StoredFile:
    """One file.

    Attributes:
        key: what it is found by: 256 random bits, which nobody can guess.
        owner: the identity of the user who sent it.
        folder: where the user wanted it, a label.
        name: what to call it, made safe by :func:`safe_name`.
        media_type: one of a few that are safe to pass on.
        content: the bytes.
    """

    key: str
    owner: str
    folder: str
    name: str
    media_type: str
    content: bytes


class UploadStore:
    """The files of all users.

    When there is no room, the oldest file of whoever holds the most goes: a user who fills the
    server drops files of his own, not those of others.

    Args:
        max_bytes: all files together.
        max_files: how many there may be.
    """

    def __init__(self, *, max_bytes: int, max_files: int) -> None:
        self._max_bytes = max_bytes
        self._max_files = max_files
        self._files: dict[str, StoredFile] = {}
        # Per owner, the oldest first.
        self._keys: dict[str, OrderedDict[str, int]] = {}

    def __len__(self) -> int:
        return len(self._files)

    @property
    def size(self) -> int:
        """Bytes of all files together."""
        return sum(self._held(owner) for owner in self._keys)

    def keep(
        self, owner: str, folder: str, name: str, media_type: str, content: bytes
    ) -> StoredFile:
        """Keep a file; others may have to go for it.

        Args:
            owner: who sent it.
            folder: as :func:`is_folder` accepts it.
            name: any text.
            media_type: any text.
            content: the bytes.

        Raises:
            ValueError: if it is larger than all files together may be.
        """
        if len(content) > self._max_bytes:
            raise ValueError("larger than everything together may be")
        plain_type = media_type.partition(";")[0].strip().lower()
        file = StoredFile(
            key=secrets.token_urlsafe(32),
            owner=owner,
            folder=folder,
            name=safe_name(name),
            media_type=plain_type if plain_type in _SHOWABLE else BYTES,
            content=content,
        )
        self._make_room(len(content))
        self._files[file.key] = file
        self._keys.setdefault(owner, OrderedDict())[file.key] = len(content)
        return file

    def find(self, key: str) -> StoredFile | None:
        """Return the file of that key, None if there is none (any more)."""
        return self._files.get(key)

    def _make_room(self, size: int) -> None:
        while self._files and (
            len(self._files) >= self._max_files or self.size + size > self._max_bytes
        ):
            owner = max(self._keys, key=self._held)
            key, _ = self._keys[owner].popitem(last=False)
            del self._files[key]
            if not self._keys[owner]:
                del self._keys[owner]

    def _held(self, owner: str) -> int:
        """Return how much an owner holds; a file without content counts as well."""
        keys = self._keys[owner]
        return sum(keys.values()) + len(keys)


def is_folder(text: str) -> bool:
    """Say whether a client may call a folder that: one to four plain words with slashes between."""
    return _FOLDER.fullmatch(text) is not None


def safe_name(text: str) -> str:
    """Return a name of letters, digits, ``.``, ``-`` and ``_`` that does not start with a dot.

    Folders in front of it, which some browsers send along, are dropped.
    """
    text = unicodedata.normalize("NFC", text[-1000:]).replace("\\", "/").rpartition("/")[2]
    name = _UNSAFE.sub("_", text).lstrip("._-")
    stem, dot, extension = name.rpartition(".")
    if dot and len(extension) < 10:
        name = stem[: MAX_NAME - len(extension) - 1] + dot + extension
    return name[:MAX_NAME] or "file"
