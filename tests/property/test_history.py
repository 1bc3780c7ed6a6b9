"""What the history proves, and what it completes, for threads and replies of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import (
    DeliveryChanged,
    DeliveryState,
    Message,
    MessageKind,
    MessageState,
)
from tui_chat.conversation.reducer import interrupt, reduce, user_sent
from tui_chat.delivery.completion import completion
from tui_chat.delivery.history import History, arrived, question
from tui_chat.delivery.item import OutboxItem
from tui_chat.protocol.history import HistoryMessage, read_history
from tui_chat.protocol.server_frames import ChatEventFrame, ChatFinished
from tui_chat.server.agent import (
    AgentEvent,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
)
from tui_chat.server.narration import Narration

# -- what arrived ---------------------------------------------------------------------------------

TEXTS = st.sampled_from(["yes", "no", " yes\n", "go on"])


@dataclass
class Sent:
    """A message of ours, and what really became of it: times it was applied, 0 to writes."""

    text: str
    state: DeliveryState
    applied: list[bool]


@dataclass
class World:
    """A truthful server's thread: what was said before, and ours in the order of the writes."""

    old: list[str]
    sent: list[Sent]
    entries: list[tuple[str, int]] = field(default_factory=list)
    """Text and number of ours, -1 for what is not ours."""

    @property
    def messages(self) -> list[Message]:
        return [
            Message(
                number,
                MessageKind.USER,
                0.0,
                [each.text],
                outbox_id=str(number),
                delivery=each.state,
            )
            for number, each in enumerate(self.sent)
        ]

    @property
    def items(self) -> list[OutboxItem]:
        return [
            OutboxItem(
                id=str(number),
                position=number,
                text=each.text,
                created=0.0,
                state=each.state,
                writes=len(each.applied),
                message_id=number,
            )
            for number, each in enumerate(self.sent)
        ]


STATES = st.sampled_from(
    [
        DeliveryState.PERSISTED,
        DeliveryState.PERSISTED,
        DeliveryState.RECEIVED,
        DeliveryState.UNKNOWN,
        DeliveryState.UNKNOWN,
        DeliveryState.DISCARDED,
        DeliveryState.FAILED,
    ]
)
KNOWN = (DeliveryState.PERSISTED, DeliveryState.RECEIVED)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    sent = []
    for _ in range(draw(st.integers(1, 6))):
        state = draw(STATES)
        applied = draw(
            st.lists(st.booleans(), min_size=1, max_size=draw(st.sampled_from([1, 1, 2])))
        )
        if state in KNOWN and not any(applied):
            applied[draw(st.integers(0, len(applied) - 1))] = True
        sent.append(Sent(draw(TEXTS), state, applied))
    world = World(draw(st.lists(TEXTS, max_size=3)), sent)
    # The first writes in order, each further one anywhere later.
    writes = [(number, 0) for number in range(len(sent))]
    for number, each in enumerate(sent):
        for again in range(1, len(each.applied)):
            at = draw(st.integers(writes.index((number, again - 1)) + 1, len(writes)))
            writes.insert(at, (number, again))
    taken = [(number, again) for number, again in writes if sent[number].applied[again]]
    # Stored in the order they were taken in; the last ones may not be stored yet.
    stored_last = max(
        (at for at, (n, _) in enumerate(taken) if sent[n].state is DeliveryState.PERSISTED),
        default=-1,
    )
    kept = taken[: draw(st.integers(stored_last + 1, len(taken)))]
    world.entries = [(text, -1) for text in world.old]
    world.entries += [(sent[number].text, number) for number, _ in kept]
    return world


def history_of(draw: st.DataObject, world: World, *, ids: bool | None = None) -> History:
    """A piece of the thread from its end, with other devices' texts in it, with or without ids."""
    keeps_ids = draw.draw(st.booleans()) if ids is None else ids
    entries: list[HistoryMessage] = []
    for place, (text, number) in enumerate(world.entries):
        if draw.draw(st.integers(0, 5)) == 0:
            entries.append(HistoryMessage("", "user", "from elsewhere"))
        if keeps_ids and draw.draw(st.integers(0, 5)) == 0:
            entries.append(HistoryMessage("", "user", text, client_message_id="elsewhere"))
        client_id = "" if number < 0 or not keeps_ids else str(number)
        entries.append(
            HistoryMessage(str(place), "user", text.strip(), client_message_id=client_id)
        )
        entries.append(HistoryMessage("", "assistant", text))
    cut = draw.draw(st.sampled_from([0, 0, draw.draw(st.integers(0, len(entries)))]))
    return History(tuple(entries[cut:]), before=str(cut) if cut else None)


@settings(max_examples=300)
@given(worlds(), st.data())
def test_nothing_counts_as_arrived_that_was_not_applied(world: World, data: st.DataObject) -> None:
    history = history_of(data, world)
    began_here = not world.old and data.draw(st.booleans())
    twice = {str(n) for n, each in enumerate(world.sent) if len(each.applied) > 1}
    messages, items = world.messages, world.items
    # The ledger forgets what is settled; whoever remembers that it was sent twice has to say so.
    items = [item for item in items if item.state is not DeliveryState.PERSISTED]
    finding = arrived(history, items, messages, began_here=began_here, repeated=twice)
    event("found" if finding.arrived else "none found")
    for item_id in finding.arrived:
        assert any(world.sent[int(item_id)].applied), (item_id, world)
    for message in messages:
        entry = question(
            history, message.id, items, messages, began_here=began_here, repeated=twice
        )
        if entry is not None:
            assert world.entries[int(entry.id)][1] == message.id


@given(worlds(), st.data())
def test_with_ids_everything_that_is_stored_is_found(world: World, data: st.DataObject) -> None:
    history = history_of(data, world, ids=True)
    ids = {m.client_message_id for m in history.messages}
    finding = arrived(history, world.items, world.messages)
    unknown = {item.id for item in world.items if item.state is DeliveryState.UNKNOWN}
    assert unknown & ids == finding.arrived


@given(
    st.lists(st.tuples(TEXTS, st.booleans()), min_size=1, max_size=8),
    st.lists(st.sampled_from(["older", "oldest", "from the phone"]), max_size=3),
    st.booleans(),
)
def test_with_the_anchor_in_reach_everything_that_is_stored_is_found(
    sent: list[tuple[str, bool]], old: list[str], began_here: bool
) -> None:
    states = [DeliveryState.PERSISTED if known else DeliveryState.UNKNOWN for _, known in sent]
    began_here = began_here or DeliveryState.PERSISTED not in states
    if not began_here:  # something that was not said in the thread before
        sent, states = [("hello", True), *sent], [DeliveryState.PERSISTED, *states]
    world = World(
        [] if began_here else old,
        [Sent(text, state, [True]) for (text, _), state in zip(sent, states, strict=True)],
    )
    stored = [*world.old, *(text for text, _ in sent)]
    history = History(tuple(HistoryMessage("", "user", text) for text in stored))
    finding = arrived(history, world.items, world.messages, began_here=began_here)
    assert finding.conclusive
    assert len(finding.arrived) == states.count(DeliveryState.UNKNOWN)


# -- what is completed ----------------------------------------------------------------------------

WORDS = st.text(st.sampled_from("ab \n\u00e9\U0001f600"), min_size=1, max_size=6)


@st.composite
def turns(draw: st.DrawFn) -> list[AgentEvent]:
    """Text, reasoning of which several blocks may be open, tools of which several may run."""
    events: list[AgentEvent] = []
    thinking: list[str] = []
    running: list[str] = []
    for number in range(draw(st.integers(1, 14))):
        match draw(st.sampled_from(["text", "text", "think", "thought", "more", "call", "return"])):
            case "text":
                events.append(Text(draw(WORDS)))
            case "think":
                thinking.append(f"b{number}")
                events.append(ReasoningStart(thinking[-1]))
            case "more" if thinking:
                events.append(ReasoningDelta(draw(WORDS), draw(st.sampled_from(thinking))))
            case "thought" if thinking:
                events.append(ReasoningEnd(thinking.pop(0)))
            case "call":
                running.append(f"c{number}")
                events.append(ServerToolCall("look", running[-1], {"n": number}))
            case "return" if running:
                events.append(ServerToolResult("look", running.pop(0), number))
            case _:
                pass
    events += [ServerToolResult("look", call_id, "late") for call_id in running]
    return events or [Text("a")]


@dataclass
class Reply:
    """A reply as frames, and as the server keeps it."""

    frames: list[ChatEventFrame]
    stored: list[HistoryMessage]


def told(events: list[AgentEvent]) -> Reply:
    narration = Narration("content-delta", lambda: "2026-01-15T11:30:00.000Z")
    frames = [frame for each in events if (frame := narration.frame(each)) is not None]
    body = msgspec.json.encode({"messages": narration.stored()})
    return Reply(frames, list(read_history(body).messages))


def conversation_with(frames: list[ChatEventFrame]) -> Conversation:
    conversation = Conversation()
    for change in user_sent(conversation, "question", 0.0, outbox_id="1"):
        conversation.apply(change)
    conversation.apply(DeliveryChanged(1, DeliveryState.RECEIVED, 0.0))
    for frame in frames:
        for change in reduce(conversation, frame, 0.0):
            conversation.apply(change)
    return conversation


def end(conversation: Conversation, *, well: bool) -> None:
    changes = reduce(conversation, ChatFinished(), 1.0) if well else interrupt(conversation, 1.0)
    for change in changes:
        conversation.apply(change)


def complete(conversation: Conversation, stored: list[HistoryMessage]) -> None:
    for change in completion(conversation, 1, stored, 2.0):
        conversation.apply(change)
    assert completion(conversation, 1, stored, 3.0) == []


def shown(conversation: Conversation) -> list[tuple[str, object]]:
    """Everything but blanks around texts, which a server may keep or not."""
    return [
        (
            m.kind.value,
            m.text.strip() if m.tool is None else (m.tool.call_id, m.tool.arguments, m.tool.result),
        )
        for m in conversation
        if m.tool is not None or m.text.strip()
    ]


def spoken(conversation: Conversation, kind: MessageKind) -> str:
    """All text of a kind, without its blanks."""
    return "".join("".join(m.text for m in conversation if m.kind is kind).split())


@settings(max_examples=200)
@given(turns(), st.data())
def test_a_completed_reply_is_the_one_that_was_not_cut(
    events: list[AgentEvent], data: st.DataObject
) -> None:
    reply = told(events)
    whole = conversation_with(reply.frames)
    end(whole, well=True)
    cut = conversation_with(reply.frames[: data.draw(st.integers(0, len(reply.frames)))])
    end(cut, well=False)
    complete(cut, reply.stored)
    assert shown(cut) == shown(whole)
    if any(message.content.strip() or message.tool for message in reply.stored):
        states = {message.state for message in cut if message.tool or message.text.strip()}
        assert states == {MessageState.COMPLETE}


def divided(draw: st.DataObject, stored: list[HistoryMessage]) -> Iterator[HistoryMessage]:
    """The same as another server keeps it: all text in one, blocks in pieces, blanks trimmed."""
    way = draw.draw(st.sampled_from(["trim", "split", "join"]))
    texts = [m for m in stored if m.role == "assistant"]
    for message in stored:
        if message.role != "assistant":
            yield message
        elif way == "trim":
            yield msgspec.structs.replace(message, content=message.content.strip())
        elif way == "split":
            at = draw.draw(st.integers(0, len(message.content)))
            yield msgspec.structs.replace(message, content=message.content[:at])
            yield msgspec.structs.replace(message, content=message.content[at:])
        elif message is (texts[0] if len(texts) % 2 else texts[-1]):
            content = draw.draw(st.sampled_from(["", "\n\n"])).join(m.content for m in texts)
            yield msgspec.structs.replace(message, content=content)


@settings(max_examples=200)
@given(turns(), st.data())
def test_however_the_server_divides_a_reply_no_text_is_lost_or_doubled(
    events: list[AgentEvent], data: st.DataObject
) -> None:
    reply = told(events)
    frames = reply.frames[: data.draw(st.integers(0, len(reply.frames)))]
    whole, cut, before = (conversation_with(part) for part in (reply.frames, frames, frames))
    end(cut, well=False)
    complete(cut, list(divided(data, reply.stored)))
    for kind in (MessageKind.ASSISTANT, MessageKind.REASONING):
        now, all_of_it = spoken(cut, kind), spoken(whole, kind)
        exact = now == all_of_it
        event(f"{kind}: {'all' if exact else 'part'}")
        assert exact or now == spoken(before, kind)
    for was in before:
        assert cut[was.id].text.startswith(was.text)


@given(turns(), turns(), st.data())
def test_a_reply_before_another_question_is_never_mixed_up_with_the_next(
    events: list[AgentEvent], later: list[AgentEvent], data: st.DataObject
) -> None:
    reply = told(events)
    cut = conversation_with(reply.frames[: data.draw(st.integers(0, len(reply.frames)))])
    end(cut, well=False)
    ours = {message.id: message.text for message in cut}
    for change in user_sent(cut, "next", 1.0, outbox_id="2"):
        cut.apply(change)
    for frame in told([each for each in later if isinstance(each, Text)]).frames:
        for change in reduce(cut, frame, 1.0):
            cut.apply(change)
    end(cut, well=True)
    after = {message.id: message.copy() for message in cut if message.id not in ours}
    complete(cut, reply.stored)
    assert [message.id for message in cut] == [*ours, *after]
    assert all(cut[number] == message for number, message in after.items())
    assert all(cut[number].text.startswith(text) for number, text in ours.items())
    # Either all text is there, or the reply is still marked, or there is nothing to mark.
    whole = "".join("".join(m.content for m in reply.stored if m.role == "assistant").split())
    texts = "".join(m.text for n, m in cut._messages.items() if n in ours and m.kind == "assistant")
    marked = any(cut[number].state is MessageState.INTERRUPTED for number in ours)
    if "".join(texts.split()) != whole:
        last = cut[max(ours)]
        event("marked" if marked else "nothing to mark")
        assert marked or last.kind in ("user", "tool", "reasoning", "assistant")
