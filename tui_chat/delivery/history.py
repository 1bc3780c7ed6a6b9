"""What a thread's history proves about messages that were sent to it. Pure.

The history is laid beside what was sent: every entry of a user in it came from somewhere, in the
order of the sending. A message has arrived where no explanation of the history can do without it.
That is stricter than counting texts, and takes into account what counting forgets: the same text
earlier in the thread, messages the user gave up without knowing whether they had arrived, and
those that may have been stored twice because they were sent twice.

Not being found proves nothing: the server may not have stored it yet.

The known limit: another device, or another program, that writes *the same text* to the same thread
cannot be told from a message of ours, unless the server keeps the ids of messages. A different
text from elsewhere does no harm.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import takewhile
from typing import Literal

from tui_chat.conversation.model import DeliveryState, Message
from tui_chat.delivery.completion import completion
from tui_chat.delivery.item import OutboxItem
from tui_chat.protocol.history import HistoryMessage, HistoryPage

__all__ = ["Finding", "History", "Reach", "arrived", "completion", "question", "replies"]

Reach = Literal["enough", "older", "none"]
"""``older``: pages further back may tell more. ``none``: no page can, only ids could."""


@dataclass(frozen=True, slots=True)
class History:
    """The end of a thread, oldest entry first.

    Attributes:
        messages: the entries.
        whole: whether they reach back to the thread's first entry, as far as can be known.
        before: what to ask for the page before these; None where asking is of no use.
    """

    messages: tuple[HistoryMessage, ...] = ()
    whole: bool = False
    before: str | None = None

    @classmethod
    def of(cls, page: HistoryPage) -> History:
        """Return the history that the newest page amounts to."""
        return cls().with_older(page)

    def with_older(self, page: HistoryPage) -> History:
        """Return the history with the page before it.

        A page that brings nothing new ends the looking: the thread has no more, or the server
        does not page and gives the same again.
        """
        known = {message.id for message in self.messages if message.id}
        # Up to what is known already: a server that does not page gives the newest again.
        fresh = tuple(takewhile(lambda message: message.id not in known, page.messages))
        if not fresh:
            # The same again: it may have been cut short by a limit nobody told.
            return History(self.messages, whole=not page.messages and not page.skipped)
        messages = fresh + self.messages
        return History(messages, before=messages[0].id or None)


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of messages, as far as the history tells.

    Attributes:
        arrived: ids of the items that arrived, for certain.
        conclusive: whether everything that was asked about arrived. If not, the history may tell
            more later, since nobody knows how long the server takes to store.
        reach: whether the history goes back far enough for that.
    """

    arrived: frozenset[str]
    conclusive: bool
    reach: Reach


@dataclass(slots=True)
class _Source:
    """A message that was sent: where entries of the history come from."""

    id: str
    key: str
    certain: bool = False
    """The server said that it has stored it."""
    message_id: int = 0


def arrived(
    history: History,
    items: Iterable[OutboxItem],
    sent: Iterable[Message],
    *,
    began_here: bool = False,
    repeated: Collection[str] = (),
) -> Finding:
    """Say which messages of unknown fate have arrived.

    An entry that carries an item's id proves that item; one that carries another id proves no
    other. Entries without an id are compared by text, and only if the latest message that is known
    to be stored is among them, or the thread began with this conversation and nothing in it is
    known to be stored.

    Texts count as the same when they differ in blanks, line ends, control characters, half
    surrogate pairs or Unicode normalization only, which servers are known to change. Taking more
    texts for the same can only make the answer more careful.

    Args:
        history: of the thread they were sent to.
        items: the outbox. Those in state ``UNKNOWN`` are asked about.
        sent: all messages of the conversation, of which those of the user count, in order. What was
            given up or has failed counts too: it may have been taken.
        began_here: whether the thread was opened for this conversation, and ``sent`` goes back to
            its first message. If not, anything may have been said in it before.
        repeated: ids of further messages that may have been stored more than once; those of
            ``items`` that were written more than once are known to be.

    Returns:
        What is certain. Of two equal texts of which one is stored, neither is: it could be either.
    """
    items = tuple(items)
    unknown = [item for item in items if item.state is DeliveryState.UNKNOWN]
    ids = {message.client_message_id for message in history.messages} - {""}
    proven = {item.id for item in unknown if item.id in ids}
    puzzle = _Puzzle(history, items, tuple(sent), began_here=began_here, repeated=repeated)
    explained = puzzle.explained()
    if explained:
        proven |= {
            item.id
            for item in unknown
            if item.id not in proven and not puzzle.explained(without=item.id)
        }
    conclusive = len(proven) == len(unknown)
    reach: Reach = "enough"
    if not explained and not (unknown and conclusive):
        reach = "none" if history.before is None or not puzzle.can_be_anchored else "older"
    return Finding(frozenset(proven), conclusive, reach)


def question(
    history: History,
    message_id: int,
    items: Iterable[OutboxItem],
    sent: Iterable[Message],
    *,
    began_here: bool = False,
    repeated: Collection[str] = (),
) -> HistoryMessage | None:
    """Return the entry that a message of the user is in the history; None unless it is certain.

    Args:
        history: of the thread.
        message_id: the message's id in the conversation.
        items: as for :func:`arrived`.
        sent: as for :func:`arrived`.
        began_here: as for :func:`arrived`.
        repeated: as for :func:`arrived`.
    """
    puzzle = _Puzzle(history, tuple(items), tuple(sent), began_here=began_here, repeated=repeated)
    return puzzle.place(message_id)


def replies(history: History, asked: HistoryMessage) -> tuple[HistoryMessage, ...]:
    """Return what follows a question up to the next one.

    Args:
        history: of the thread.
        asked: one of its entries, as :func:`question` returns it.

    Returns:
        The entries; none if there are none *yet*, which is not the same as never.
    """
    entries = iter(history.messages)
    for entry in entries:
        if entry is asked:
            break
    found: list[HistoryMessage] = []
    for entry in entries:
        if entry.role == "user":
            break
        found.append(entry)
    return tuple(found)


class _Puzzle:
    """The history of a thread beside what was sent to it.

    The users' entries are the end of: whatever was said before this conversation, then what this
    conversation's messages left, in their order. From the last entry and the last message
    backwards, an explanation says of each entry which message it came from. The set of entries
    that can be left over is all there is to remember, and it is tiny.
    """

    def __init__(
        self,
        history: History,
        items: tuple[OutboxItem, ...],
        sent: tuple[Message, ...],
        *,
        began_here: bool,
        repeated: Collection[str],
    ) -> None:
        self._began_here = began_here
        twice = {*repeated, *(item.id for item in items if item.writes > 1)}
        self._sources: list[_Source] = []
        self._repeated: list[_Source] = []
        seen: set[str] = set()
        for message in sent:
            if message.delivery is None and message.kind != "user":
                continue
            certain = message.delivery is DeliveryState.PERSISTED or message.persisted
            source = _Source(message.outbox_id, _key(message.text), certain, message.id)
            seen.add(source.id)
            (self._repeated if source.id in twice else self._sources).append(source)
        for item in items:
            # Written, and not in the conversation yet: the program ended in between.
            if item.writes and item.id not in seen:
                source = _Source(item.id, _key(item.text), message_id=-1)
                (self._repeated if item.id in twice else self._sources).append(source)
        ours = {source.id for source in (*self._sources, *self._repeated)} - {""}
        keys = {source.key for source in (*self._sources, *self._repeated)}
        # What carries an id that is not ours, or a text we never sent, came from elsewhere.
        self._entries = [
            (entry, _key(entry.content))
            for entry in history.messages
            if entry.role == "user"
            and (
                entry.client_message_id in ours
                if entry.client_message_id
                else _key(entry.content) in keys
            )
        ]
        certain_ones = (i for i, s in enumerate(self._sources) if s.certain)
        self._anchor = max(certain_ones, default=-1)

    @property
    def can_be_anchored(self) -> bool:
        """Whether there is anything that ties this conversation to the thread."""
        return self._anchor >= 0 or self._began_here

    def explained(
        self, *, without: str = "", pin: tuple[int, int] | None = None, unseen: int = -1
    ) -> bool:
        """Say whether the history can be explained.

        Args:
            without: the id of a message that is taken not to have arrived.
            pin: a message and the entry that it must be, as their places.
            unseen: the place of a message that is taken to be older than all entries.
        """
        if not self.can_be_anchored:
            return False
        loose = [source for source in self._repeated if not without or source.id != without]
        left = self._may_drop({len(self._entries)}, loose)
        for place in range(len(self._sources) - 1, -1, -1):
            source = self._sources[place]
            pinned = pin is not None and pin[0] == place
            if place == unseen:
                return False
            if without and source.id == without:
                continue
            taken = {
                count - 1
                for count in left
                if count
                and _matches(source, self._entries[count - 1])
                and (pin is None or (pin[0] == place) is (pin[1] == count - 1))
            }
            left = taken if source.certain or pinned else left | taken
            left = self._may_drop(left, loose)
            if not left:
                return False
            done = pin is None or place <= pin[0]
            if 0 in left and done and place <= self._anchor:
                return True  # what is older is not in this piece of the thread
        return bool(left) if not self._began_here else 0 in left

    def place(self, message_id: int) -> HistoryMessage | None:
        """Return the entry that a message of the conversation must be."""
        for source in self._repeated:
            if source.message_id == message_id:
                return None if not source.id else self._by_id(source.id)
        number = next((i for i, s in enumerate(self._sources) if s.message_id == message_id), None)
        if number is None:
            return None
        source = self._sources[number]
        if source.id and (entry := self._by_id(source.id)) is not None:
            return entry
        absent = self.explained(unseen=number) if source.certain else self._can_do_without(number)
        if absent or not self.explained():
            return None
        possible = [
            entry
            for at, (entry, key) in enumerate(self._entries)
            if _matches(source, (entry, key)) and self.explained(pin=(number, at))
        ]
        return possible[0] if len(possible) == 1 else None

    def _can_do_without(self, number: int) -> bool:
        source = self._sources.pop(number)
        anchor = self._anchor
        self._anchor -= number < anchor
        try:
            return self.explained()
        finally:
            self._sources.insert(number, source)
            self._anchor = anchor

    def _by_id(self, item_id: str) -> HistoryMessage | None:
        found = (entry for entry, _ in self._entries if entry.client_message_id == item_id)
        return next(found, None)

    def _may_drop(self, left: set[int], loose: Sequence[_Source]) -> set[int]:
        """Add what is left when entries go to messages that may stand anywhere, if they match."""
        if not loose:
            return left
        reached: set[int] = set()
        for count in left:
            lower = count
            while lower and any(_matches(source, self._entries[lower - 1]) for source in loose):
                lower -= 1
            reached.update(range(lower, count + 1))
        return reached


def _matches(source: _Source, entry: tuple[HistoryMessage, str]) -> bool:
    if entry[0].client_message_id:
        return entry[0].client_message_id == source.id
    return entry[1] == source.key


def _key(text: str) -> str:
    """Return what two texts have in common if a server may have made one of the other."""
    whole = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    plain = "".join(c for c in unicodedata.normalize("NFC", whole) if c.isspace() or c >= " ")
    return " ".join(plain.split())
