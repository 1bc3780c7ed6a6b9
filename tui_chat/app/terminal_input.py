"""From what a terminal sends to events: keys one by one, and text that arrives in bursts as text.

Textual turns every character into a key event of its own. That is right for what is typed, and
takes a minute for a paste that arrives as single characters, as it does from terminals without
bracketed paste. There is no other sign of such a paste than its speed, so this decides by it:

* Fewer than :data:`BURST` characters in one read are keys, as they always were, at once. That
  covers what people type, also over a slow link that delivers some of it in one piece.
* More are text and are inserted as one piece when nothing more has come for :data:`GAP`.
* A line end inside of such a text is a new line and sends nothing: half a paste must not leave as
  messages. A line end at its very end, when it is the only one, is the Enter of somebody who typed
  ahead or of a program that types: it sends. After several lines it does not, because that is how
  a paste of whole lines ends; the text waits in the prompt, and Enter sends it.
* What follows within :data:`STRAGGLERS` belongs to the same text, however short it is, except for a
  single key.

An escape character at the end of a read is held back until it is known what it was: Alt sends it in
one piece with the letter, and sequences go on with a sign, so a letter in a later read is one that
was typed behind the Esc key. Textual takes both for Alt and the letter within a tenth of a second.

Bracketed pastes are cut out here as well: Textual's parser loses its way in one that holds an
escape character, and needs 20 microseconds for each character of any.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from textual import events
from textual.message import Message

__all__ = ["BURST", "ESCAPE", "GAP", "PASTE_SILENCE", "STRAGGLERS", "KeyParser", "TerminalInput"]

BURST: Final = 16
"""Characters in one read from which on they are not keys but text."""
GAP: Final = 0.02
"""Seconds without input after which a text is complete; a frame is longer."""
STRAGGLERS: Final = 0.1
"""Seconds after a text in which two characters or more are its continuation."""
ESCAPE: Final = 0.1
"""Seconds after which an escape character was the Esc key, as in Textual."""
PASTE_SILENCE: Final = 2.0
"""Seconds without input after which a bracketed paste counts as ended, whose end never came."""

_ESC: Final = "\x1b"
_INTRODUCERS: Final = "OPX"  # SS3, DCS and SOS are letters
_START: Final = "\x1b[200~"
_END: Final = "\x1b[201~"
# Textual gives up on a sequence of more than 32 characters; after twice as many its parser is
# certainly back where a plain character is a key.
_SEQUENCE: Final = 64
_PIECES: Final = re.compile(
    rf"\x1b[^\x1b]{{0,{_SEQUENCE - 1}}}"  # may be a sequence, and whatever follows it
    r"|[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]+"  # text, with tabs and line ends
    r"|[^\x1b]"  # another control character
)
_AS_TEXT: Final = {"enter": "\r", "ctrl+j": "\n", "tab": "\t"}


class KeyParser(Protocol):
    """What is needed of Textual's parser of key sequences."""

    def feed(self, data: str) -> Iterable[Message]:
        """Return the events that ``data`` completes."""
        ...

    def tick(self) -> Iterable[Message]:
        """Return the events that were waiting for a time that has passed."""
        ...


class TerminalInput:
    """Reads on, from one read of the terminal to the next. No clock and no thread of its own.

    Args:
        parser: makes keys, mouse events and answers of the terminal from sequences.
    """

    def __init__(self, parser: KeyParser) -> None:
        self._parser = parser
        self._recent = ""  # the end of what was read: a marker may be cut in two
        self._doubt = 0  # characters until the parser is certainly out of any sequence
        self._heard = float("-inf")  # when there was input
        self._paste: list[str] | None = None
        self._text: list[str] = []
        self._line_ends = 0  # in the text being gathered, and before in what it continues
        self._delivered = float("-inf")
        self._escape = False  # the last character was an escape, which may have been a key

    def feed(self, data: str, now: float) -> list[Message]:
        """Return the events that ``data`` brings.

        Args:
            data: what was read, decoded.
            now: seconds of a monotonic clock.
        """
        self._heard = now
        found: list[Message] = []
        items: list[str | Message] = []
        if self._escape:
            if data[:1].isalnum() and data[0] not in _INTRODUCERS:
                items.append(_escape_key())
            else:
                data = f"{_ESC}{data}"
        self._escape = self._paste is None and data.endswith(_ESC)
        if self._escape:
            data = data[: -len(_ESC)]
        while data:
            if self._paste is None:
                data = self._until_paste(data, items)
            else:
                data = self._until_end(data, items)
        self._gather(items, found, now)
        return found

    def tick(self, now: float) -> list[Message]:
        """Return the events that are due because nothing more has come; call it when idle."""
        found: list[Message] = []
        quiet = now - self._heard
        if self._paste is not None and quiet >= PASTE_SILENCE:
            found.append(events.Paste("".join(self._paste)))
            self._paste = None
        if self._text and quiet >= GAP:
            found += self._deliver(now)
        if self._escape and quiet >= ESCAPE:
            self._escape = False
            found.append(_escape_key())
        for event in self._parser.tick():
            self._doubt = 0  # it gave up waiting
            found.append(event)
        return found

    @property
    def waiting(self) -> bool:
        """Whether a text is being gathered, so that :meth:`tick` should come after ``GAP``."""
        return bool(self._text)

    # -- bracketed pastes -------------------------------------------------------------------------

    def _until_paste(self, data: str, items: list[str | Message]) -> str:
        at = (self._recent + data).find(_START)
        if at < 0:
            items.extend(self._pieces(data))
            self._recent = (self._recent + data)[1 - len(_START) :]
            return ""
        end = at + len(_START) - len(self._recent)
        items.extend(self._pieces(data[:end]))
        # The parser has seen the beginning; it is told of an end, and thinks of an empty paste.
        items.extend(self._parse(_END))
        self._recent = ""
        self._doubt = 0
        self._paste = []
        return data[end:]

    def _until_end(self, data: str, items: list[str | Message]) -> str:
        paste = self._paste if self._paste is not None else []
        at = (self._recent + data).find(_END)
        if at < 0:
            paste.append(data)
            self._recent = (self._recent + data)[1 - len(_END) :]
            return ""
        before = "".join(paste)
        start = len(before) - len(self._recent) + at
        items.append(events.Paste((before + data)[:start].replace("\x00", "")))
        rest = data[at + len(_END) - len(self._recent) :]
        self._paste = None
        self._recent = ""
        return rest

    # -- keys and text ----------------------------------------------------------------------------

    def _pieces(self, data: str) -> Iterator[str | Message]:
        """Yield events, and as they are those texts that are too long to be keys."""
        if self._doubt:
            lead = data[: self._doubt].partition("\x1b")[0]
            self._doubt -= len(lead)
            yield from self._parse(lead)
            data = data[len(lead) :]
        for piece in _PIECES.findall(data):
            self._doubt = 0
            if piece[0] == "\x1b":
                self._doubt = _SEQUENCE - len(piece)
                yield from self._parse(piece)
            elif len(piece) >= BURST:
                yield piece
            else:
                yield from self._parse(piece)

    def _parse(self, data: str) -> Iterator[Message]:
        if data:  # for the parser, nothing is the end of everything
            for event in self._parser.feed(data):
                if not isinstance(event, events.Paste):
                    yield event

    def _gather(self, items: list[str | Message], found: list[Message], now: float) -> None:
        run: list[str | events.Key] = []
        for item in items:
            if isinstance(item, str) or (isinstance(item, events.Key) and _text_of(item)):
                run.append(item)
            elif isinstance(item, events.Key | events.Paste):
                self._close(run, found, now)
                found += self._deliver(now)
                found.append(item)
            else:
                found.append(item)  # the mouse moves while text arrives
        self._close(run, found, now)

    def _close(self, run: list[str | events.Key], found: list[Message], now: float) -> None:
        """Add a run to the text that is being gathered, or let it be keys."""
        text = "".join(item if isinstance(item, str) else _text_of(item) for item in run)
        straggler = len(text) > 1 and now - self._delivered < STRAGGLERS
        if self._text or straggler or len(text) >= BURST:
            if not self._text and not straggler:
                self._line_ends = 0
            if text:
                self._text.append(text)
        else:
            found.extend(item for item in run if not isinstance(item, str))
        run.clear()

    def _deliver(self, now: float) -> Iterator[Message]:
        text = "".join(self._text)
        if not text:
            return
        self._text.clear()
        self._delivered = now
        self._line_ends += text.count("\r")
        if self._line_ends == 1 and text.endswith("\r"):
            if text := text[:-1]:
                yield events.Paste(text)
            yield events.Key("enter", "\r")
        else:
            yield events.Paste(text)


def _escape_key() -> events.Key:
    return events.Key("escape", _ESC)


def _text_of(key: events.Key) -> str:
    """Return the text that a key stands for; empty if it is not one that writes."""
    if key.key in _AS_TEXT:
        return _AS_TEXT[key.key]
    return key.character if key.is_printable and key.character else ""
