"""Completes a reply that was cut off with what the server's history has of it. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    Change,
    Message,
    MessageAdded,
    MessageCompleted,
    MessageKind,
    MessageState,
    ToolCall,
    ToolUpdated,
)
from tui_chat.delivery.text_fit import lay_beside
from tui_chat.protocol.codec import error_text
from tui_chat.protocol.history import HistoryMessage, HistoryTool

__all__ = ["completion"]

_TEXT_ROLES: Final = {
    "assistant": MessageKind.ASSISTANT,
    "reasoning": MessageKind.REASONING,
}
_PARTS: Final = frozenset({*_TEXT_ROLES.values(), MessageKind.TOOL})
"""What a reply is made of; notices and errors that stand in between are none of it."""

_Missing = HistoryTool | tuple[MessageKind, str]
"""A part of the reply of which there is nothing."""


def completion(
    conversation: Conversation, question_id: int, reply: Sequence[HistoryMessage], now: float
) -> list[Change]:
    """Return the changes that complete the reply to one message of the user.

    What is there is laid beside the history: texts of a kind in order, tools by the ids of their
    calls. A text that was cut off is completed where the history goes on with it; the history may
    divide the text into other blocks. Where it contradicts what is there, nothing of that kind
    changes. Nothing that is there is ever shortened, and no complete text changes.

    What is missing altogether is added, if the reply is at the end of the conversation. If it is
    not, further text goes to the block that was cut off, if that is the reply's last one; if it is
    not either, the reply's last message stays marked as interrupted.

    A second call with the same history changes nothing.

    Args:
        conversation: holds the message, and what there is of the reply.
        question_id: the message of the user.
        reply: what the history has between that message and the next one. A server that stores
            replies piece by piece shows no end of them: one that ends with a tool at work is not
            used, any other is taken to be complete.
        now: epoch seconds.
    """
    turn = _Turn.find(conversation, question_id)
    if turn is None or not reply or turn.goes_on or _at_work(reply[-1]):
        return []
    plan = _Plan(turn, now)
    for role, kind in _TEXT_ROLES.items():
        plan.lay_texts(kind, {p: e.content for p, e in enumerate(reply) if e.role == role})
    for place, tool in _calls(reply).items():
        plan.lay_tool(place, tool, conversation.call(tool.call_id))
    plan.lay_blanks()
    further = plan.further()
    if turn.last:
        return [*plan.ordered(), *_additions(further, conversation.next_id, now)]
    plan.fold(further)
    return plan.ordered()


class _Plan:
    """What is there, beside the history, and the changes that follow from it.

    A *place* is that of an entry of the history.
    """

    def __init__(self, turn: _Turn, now: float) -> None:
        self._turn = turn
        self._now = now
        self._mine = {message.id for message in turn.parts}
        self._changes: dict[int, MessageCompleted | ToolUpdated] = {}
        self._places: dict[int, int] = {}
        self._begun: set[int] = set()
        self._missing: dict[int, _Missing] = {}
        self._contradicted: set[MessageKind] = set()

    def lay_texts(self, kind: MessageKind, theirs: Mapping[int, str]) -> None:
        """Lay the texts of one kind beside each other."""
        ours = [message for message in self._turn.parts if message.kind is kind]
        places = list(theirs)
        fit = lay_beside([(message.text, message.state) for message in ours], list(theirs.values()))
        if fit is None:
            self._contradicted.add(kind)
            return
        for number, text in fit.completed.items():
            self._complete(ours[number], text)
        self._places |= {ours[n].id: places[block] for n, block in fit.blocks.items()}
        self._begun.update(places[block] for block in fit.blocks.values())
        self._missing |= {places[block]: (kind, rest) for block, rest in fit.missing.items()}

    def lay_tool(self, place: int, tool: HistoryTool, known: Message | None) -> None:
        """Take in a call, of which there may be something in any turn."""
        if known is None:
            self._missing[place] = tool
        elif known.id in self._mine:
            self._places[known.id] = place
            if (update := _tool_update(known, tool, self._now)) is not None:
                self._changes[known.id] = update

    def lay_blanks(self) -> None:
        """Find what texts would have become that were cut off before there was anything in them.

        Only what comes next in the history can be that. If that is of another kind, there was
        nothing in them at all, and the server has not kept them.
        """
        before = -1
        for message in self._turn.parts:
            before = max(before, self._places.get(message.id, before))
            cut = message.state is MessageState.INTERRUPTED and message.tool is None
            if not cut or message.text.strip() or message.kind in self._contradicted:
                continue
            next_place = min(
                (p for p in {*self._missing, *self._places.values()} if p > before), default=-1
            )
            match self._missing.get(next_place):
                case (message.kind, str(text)):
                    # A server may have trimmed the blanks that there are.
                    blank = "" if text.startswith(message.text) else message.text
                    self._complete(message, blank + text)
                    del self._missing[next_place]
                    self._places[message.id] = before = next_place
                case _:
                    self._complete(message, None)

    def further(self) -> list[_Missing]:
        """Return what comes after all that is there.

        Nothing from in between: nobody knows why it is missing. What follows in a text that breaks
        off is none of that, wherever the server keeps that text.
        """
        if self._contradicted or self._turn.stopped:
            return []
        reached = max(self._places.values(), default=-1)
        places = (place for place in self._missing if place > reached or place in self._begun)
        return [self._missing[place] for place in sorted(places)]

    def fold(self, further: Sequence[_Missing]) -> None:
        """Find a place for text of a reply that is not at the end of the conversation."""
        texts = [
            part[1]
            for part in further
            if isinstance(part, tuple) and part[0] is MessageKind.ASSISTANT
        ]
        if not texts or not self._turn.parts:
            return
        last = self._turn.parts[-1]
        change = self._changes.get(last.id)
        if last.kind is MessageKind.ASSISTANT and isinstance(change, MessageCompleted):
            self._complete(last, "\n\n".join([change.text, *texts]))
        else:
            self._changes.pop(last.id, None)

    def ordered(self) -> list[Change]:
        """Return the changes of what is there, in its order."""
        return [self._changes[number] for number in sorted(self._changes)]

    def _complete(self, message: Message, text: str | None) -> None:
        """Complete a text; None if it is as long as the history's."""
        if text is None and self._turn.failed:
            return  # that is why it is no longer, and never will be
        whole = message.text if text is None else text
        self._changes[message.id] = MessageCompleted(message.id, whole, self._now)


@dataclass(frozen=True, slots=True)
class _Turn:
    """What follows a message of the user up to the next one.

    Attributes:
        parts: what the reply is made of so far.
        last: whether nothing of the user follows it.
        failed: whether something in it says that it ended with an error: then a text that is as
            long as the history's was cut off by that, and will never be longer.
    """

    parts: list[Message]
    last: bool
    failed: bool

    @classmethod
    def find(cls, conversation: Conversation, question_id: int) -> _Turn | None:
        """Return the turn of a message, None if there is no such message of the user."""
        asked = conversation.get(question_id)
        if asked is None or asked.kind is not MessageKind.USER:
            return None
        found: list[Message] = []
        last = True
        for message in reversed(tuple(conversation)):
            if message.id == question_id:
                break
            if message.kind is MessageKind.USER:
                found, last = [], False
            else:
                found.append(message)
        failed = any(message.kind is MessageKind.ERROR for message in found)
        return cls([m for m in reversed(found) if m.kind in _PARTS], last, failed)

    @property
    def goes_on(self) -> bool:
        """Whether pieces of it are still coming in."""
        streaming = (m for m in self.parts if m.state is MessageState.STREAMING)
        # A tool of the client goes on by itself.
        return any(m.tool is None or m.tool.side == "server" for m in streaming)

    @property
    def stopped(self) -> bool:
        """Whether the user did not want more of it."""
        return any(message.state is MessageState.STOPPED for message in self.parts)


# -- what is missing ------------------------------------------------------------------------------


def _additions(further: Sequence[_Missing], next_id: int, now: float) -> list[Change]:
    """Return the messages of which there was nothing."""
    changes: list[Change] = []
    for number, part in enumerate(further, next_id):
        if isinstance(part, HistoryTool):
            result, error, state = _outcome(part)
            call = ToolCall(part.call_id, part.tool_name, "server", part.parameters, result, error)
            message = Message(number, MessageKind.TOOL, now, state=state, tool=call)
        else:
            kind, text = part
            message = Message(number, kind, now, [text])
        message.finished, message.persisted = now, True
        changes.append(MessageAdded(message))
    return changes


# -- tools ----------------------------------------------------------------------------------------


def _at_work(entry: HistoryMessage) -> bool:
    return entry.tool is not None and entry.tool.status == "processing"


def _calls(reply: Sequence[HistoryMessage]) -> dict[int, HistoryTool]:
    """Return the calls by place; call and result may be two entries, or one told twice."""
    places: dict[str, int] = {}
    found: dict[int, HistoryTool] = {}
    for place, entry in enumerate(reply):
        if (tool := entry.tool) is None:
            continue
        first = places.setdefault(tool.call_id, place)
        before = found.get(first)
        if before is None or before.status == "processing":
            parameters = tool.parameters
            if before is not None and parameters is None:
                parameters = before.parameters
            found[first] = HistoryTool(
                tool.tool_name, tool.call_id, parameters, tool.result, tool.status
            )
    return found


def _tool_update(message: Message, tool: HistoryTool, now: float) -> ToolUpdated | None:
    """Return what the history knows of a call that was going on when the connection was lost."""
    known = message.tool
    if (
        known is None
        or message.state is not MessageState.INTERRUPTED
        or tool.status == "processing"
    ):
        return None
    arguments = tool.parameters if known.arguments is None else known.arguments
    result, error, state = _outcome(tool)
    call = ToolCall(known.call_id, known.name, known.side, arguments, result, error)
    return ToolUpdated(message.id, call, state, now)


def _outcome(tool: HistoryTool) -> tuple[Any, str | None, MessageState]:
    """Return a call's result, what went wrong, and where its message stands."""
    match tool.status:
        case "completed":
            return tool.result, None, MessageState.COMPLETE
        case "error":
            return None, error_text(tool.result) or "The tool failed.", MessageState.FAILED
        case _:
            return None, None, MessageState.INTERRUPTED
