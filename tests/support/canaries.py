"""Planted secrets, and the search for them in whatever a program wrote or showed.

A secret counts as found in any of the forms in which it could still be used: as it is,
percent-encoded, in base64, in hexadecimal, and any piece of it that is long enough to matter.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

__all__ = ["Canary", "find", "find_below", "process_texts"]

PIECE = 12
"""Characters; any piece of a secret this long counts as the secret. Half of it is shorter than
what a debug digest shows, twice would let a badly cut log line through."""


@dataclass(frozen=True)
class Canary:
    """One planted secret.

    Attributes:
        name: what it is called in a failure's message, which does not repeat the value.
        value: the secret; at least :data:`PIECE` characters.
    """

    name: str
    value: str

    def forms(self) -> dict[str, list[str]]:
        """Return the pieces to look for, by the name of the encoding they are in."""
        raw = self.value.encode()
        whole = {
            "as it is": self.value,
            "percent-encoded": quote(self.value, safe=""),
            "as JSON": json.dumps(self.value)[1:-1],
            "hexadecimal": raw.hex(),
            # The last characters depend on what follows, so they are left out.
            "base64": base64.b64encode(raw).decode().rstrip("=")[:-2],
            "base64url": base64.urlsafe_b64encode(raw).decode().rstrip("=")[:-2],
        }
        return {name: pieces(text) for name, text in whole.items()}


def pieces(text: str) -> list[str]:
    if len(text) < PIECE:
        raise ValueError(f"a canary must have at least {PIECE} characters")
    return [text[start : start + PIECE] for start in range(len(text) - PIECE + 1)]


def find(texts: Mapping[str, str | bytes], canaries: Iterable[Canary]) -> list[str]:
    """Return one line per text and secret in it: which, where, in what form.

    Args:
        texts: what to search, by a name for the message.
        canaries: what to search for.
    """
    found = []
    decoded = {
        # Line breaks are taken out, because a terminal wraps what is longer than a line.
        name: unwrapped(text if isinstance(text, str) else text.decode("utf-8", "replace"))
        for name, text in texts.items()
    }
    for canary in canaries:
        forms = canary.forms()
        for name, text in decoded.items():
            hit = next((f for f, parts in forms.items() if any(p in text for p in parts)), None)
            if hit:
                found.append(f"{canary.name} in {name}, {hit}")
    return found


def unwrapped(text: str) -> str:
    return text + "\n" + text.replace("\r", "").replace("\n", "")


def find_below(folder: Path, canaries: Iterable[Canary]) -> list[str]:
    """Search the names and contents of all files below a folder."""
    texts: dict[str, str | bytes] = {}
    for path in folder.rglob("*"):
        texts[f"the name of {path}"] = str(path.relative_to(folder))
        if path.is_file() and not path.is_symlink():
            texts[str(path)] = path.read_bytes()
    return find(texts, canaries)


def process_texts(pid: int, *, environment: bool) -> dict[str, str | bytes]:
    """Return what others on the machine can read of a process: its arguments, its environment."""
    folder = Path(f"/proc/{pid}")
    command = (folder / "cmdline").read_bytes()
    texts: dict[str, str | bytes] = {f"the arguments of {pid}": command}
    if environment:
        texts[f"the environment of {pid} {command!r}"] = (folder / "environ").read_bytes()
    return texts
