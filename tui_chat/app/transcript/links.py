"""Links: what in a line leads somewhere, and where it really goes.

The words of a link are the message's and may say anything. Only the address counts, and it is
shown as the browser will understand it: hosts in other scripts in their ASCII form (RFC 3492), so
that no letter is taken for its double.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from urllib.parse import quote, urlsplit, urlunsplit

from tui_chat.app.transcript.entry import Entry
from tui_chat.app.transcript.lines import Line, Link
from tui_chat.text import is_clean

__all__ = ["Reference", "address_of", "link_at", "links_in", "references_in"]

LIMIT: Final = 4096
"""Characters of an address that is opened."""
MOST: Final = 500
"""Links of a message that are offered."""

_ADDRESS: Final = re.compile(r"https?://[^\s<>\"`|\u2026]+", re.IGNORECASE)
_ENDING: Final = ".,;:!?'*_~"
_PAIRS: Final = {")": "(", "]": "[", "}": "{"}
_SCHEMES: Final = ("http", "https")
_KEPT: Final = "/?#[]@!$&'()*+,;=:%~-._"
"""What stands in an address as it is (RFC 3986, 2.2 and 2.3); all else is percent-encoded."""


class Reference(NamedTuple):
    """A link of a message.

    Attributes:
        label: what the message shows.
        target: where it says that it leads, clean.
        address: where it is safe to go; None if it is nothing for a browser.
        honest: whether the label is that address and nothing else.
    """

    label: str
    target: str
    address: str | None
    honest: bool

    @classmethod
    def of(cls, label: str, target: str) -> Reference:
        """Return the link with this label and target."""
        address = address_of(target)
        honest = address is not None and label in (address, target, address.removesuffix("/"))
        return cls(label, target, address, honest and target.isascii())


def address_of(target: str) -> str | None:
    """Return the address to open for a link's target; None if it must not be opened.

    Only ``http`` and ``https`` with a host. User names are refused: they are there to make one
    host look like another. What comes back is ASCII.
    """
    if len(target) > LIMIT or not is_clean(target) or "\\" in target:
        return None
    try:
        parts = urlsplit(target)
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    if parts.scheme not in _SCHEMES or not host or "@" in parts.netloc:
        return None
    if ":" not in host:  # no IPv6 address
        host = _ascii_host(host)
        if not host:
            return None
    else:
        host = f"[{host}]"
    where = host if port is None else f"{host}:{port}"
    rest = (quote(part, safe=_KEPT) for part in parts[2:])
    return urlunsplit((parts.scheme, where, *rest))


def _ascii_host(host: str) -> str:
    try:
        found = host.encode("idna").decode("ascii").lower()
    except UnicodeError:
        return ""
    return found if re.fullmatch(r"[a-z0-9._-]+", found) else ""


def links_in(line: Line) -> list[Link]:
    """Return the links of a line, in order: those it was written with, and bare addresses."""
    found = list(line.links)
    if "://" in line.text:
        taken = [(each.start, each.end) for each in found]
        for match in _ADDRESS.finditer(line.text):
            start, end = match.start(), match.start() + len(_trimmed(match.group()))
            if not any(first < end and last > start for first, last in taken):
                found.append(Link(start, end, line.text[start:end]))
    return sorted(found)


def _trimmed(address: str) -> str:
    """Return an address without what belongs to the sentence around it."""
    while address:
        last = address[-1]
        opening = _PAIRS.get(last)
        if last not in _ENDING and (
            opening is None or address.count(last) <= address.count(opening)
        ):
            break
        address = address[:-1]
    return address


def link_at(line: Line, at: int) -> Link | None:
    """Return the link that the character ``at`` of a line belongs to."""
    return next((link for link in links_in(line) if link.start <= at < link.end), None)


def reference_to(line: Line, link: Link) -> Reference:
    """Return a link of a line with what the line shows for it."""
    label = line.text[link.start : link.end]
    return Reference.of(label.removesuffix(f" ({link.target})").removeprefix("▣ "), link.target)


def references_in(entry: Entry) -> list[Reference]:
    """Return the links of a message, each once, in order."""
    return list(dict.fromkeys(_first(_references(entry), MOST)))


def _first(found: Iterator[Reference], most: int) -> Iterator[Reference]:
    for _, each in zip(range(most), found, strict=False):
        yield each


def _references(entry: Entry) -> Iterator[Reference]:
    from tui_chat.app.transcript.copying import lines_of  # noqa: PLC0415 - it imports much

    for line in lines_of(entry):
        for link in links_in(line):
            yield reference_to(line, link)
