"""A thread's history over real sockets: pages of it, and replies that are completed from it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from tests.serving import KEY, TOKEN, Peer, RunningServer, running_server
from tui_chat.conversation.conversation import Conversation
from tui_chat.conversation.model import DeliveryState, Message, MessageKind
from tui_chat.conversation.reducer import interrupt, reduce, user_sent
from tui_chat.delivery.history import History, arrived, completion, question, replies
from tui_chat.delivery.item import OutboxItem
from tui_chat.errors import (
    CredentialsRejected,
    ProtocolError,
    RateLimited,
    RequestRejected,
    ServerError,
    TuiChatError,
)
from tui_chat.protocol.codec import SERVER_FRAMES, IgnoredFrame
from tui_chat.protocol.history import HistoryPage
from tui_chat.protocol.urls import ServerUrl
from tui_chat.rest.messages import NO_HISTORY, OTHER_THREAD, MessagesApi
from tui_chat.server.agent import (
    AgentEvent,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
    Turn,
)
from tui_chat.ticket.auth import AuthData

AUTH = AuthData(TOKEN, KEY)


@asynccontextmanager
async def calling(server: RunningServer) -> AsyncIterator[MessagesApi]:
    api = MessagesApi(ServerUrl.parse(server.url))
    try:
        yield api
    finally:
        await api.aclose()


@asynccontextmanager
async def answered(answer: Callable[[httpx.Request], httpx.Response]) -> AsyncIterator[MessagesApi]:
    """An API whose server is a function."""
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        yield MessagesApi(ServerUrl.parse("http://localhost:1"), client=client)


async def refusal_of(answer: httpx.Response) -> TuiChatError:
    async with answered(lambda _: answer) as api:
        with pytest.raises(TuiChatError) as raised:
            await api.page(AUTH, thread_id="t")
    return raised.value


async def read_all(api: MessagesApi, thread: str, *, limit: int) -> tuple[History, int]:
    """Read a thread to its start; return also how many pages that took."""
    history, pages = History.of(await api.page(AUTH, thread_id=thread, limit=limit)), 1
    while history.before is not None:
        page = await api.page(AUTH, thread_id=thread, before=history.before, limit=limit)
        history, pages = history.with_older(page), pages + 1
    return history, pages


class Echo:
    """Repeats what was said."""

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield Text(f"[{turn.text}]")


async def say(peer: Peer, texts: list[str]) -> str:
    """Say these one after the other in one thread; return the thread."""
    frames = await peer.ask(texts[0])
    thread = str(frames[0]["data"]["providerResId"])
    for text in texts[1:]:
        await peer.ask(text, providerResId=thread)
    return thread


# -- pages ----------------------------------------------------------------------------------------


async def test_a_thread_is_read_page_by_page() -> None:
    async with (
        running_server(agent=Echo()) as server,
        calling(server) as api,
        Peer.ready(server) as peer,
    ):
        thread = await say(peer, ["one", "two", "three"])
        whole = await api.page(AUTH, thread_id=thread)
        assert [(message.role, message.content) for message in whole.messages] == [
            (role, text)
            for word in ("one", "two", "three")
            for role, text in (("user", word), ("assistant", f"[{word}]"))
        ]
        assert (whole.provider_res_id, whole.skipped) == (thread, 0)
        assert all(message.id and message.timestamp for message in whole.messages)
        history, pages = await read_all(api, thread, limit=4)
        assert history.messages == whole.messages
        assert history.whole
        assert pages == 3  # the last one is empty


async def test_a_history_is_larger_than_other_answers() -> None:
    async with (
        running_server(agent=Echo()) as server,
        calling(server) as api,
        Peer.ready(server) as peer,
    ):
        text = "x" * 90_000
        thread = await say(peer, [text, text])
        page = await api.page(AUTH, thread_id=thread)
        assert [len(message.content) for message in page.messages] == [90_000, 90_002] * 2


async def test_an_answer_without_an_end_is_not_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(MessagesApi, "max_body", 1000)
    error = await refusal_of(httpx.Response(200, content=b" " * 1001))
    assert isinstance(error, ProtocolError)


async def test_what_is_asked_for() -> None:
    asked: list[httpx.URL] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url)
        return httpx.Response(200, json={"messages": []})

    auth = AuthData(TOKEN, KEY, entity_id="b&1", entity_type="BRAND")
    async with answered(answer) as api:
        assert await api.page(auth, thread_id="t/1", before="m#2", limit=7) == HistoryPage()
        assert await api.page(AUTH, thread_id=None) == HistoryPage()
    assert [dict(url.params) for url in asked] == [
        {
            "format": "client",
            "entityId": "b&1",
            "entityType": "BRAND",
            "metadata": "{}",
            "threadId": "t/1",
            "before": "m#2",
            "limit": "7",
        },
        {"format": "client", "metadata": "{}"},
    ]


# -- refusals -------------------------------------------------------------------------------------


async def test_the_history_of_another_thread_is_not_used() -> None:
    entries = [{"role": "user", "content": "x"}]
    for body in ({"messages": entries, "providerResId": "other"}, {"messages": entries}):
        error = await refusal_of(httpx.Response(200, json=body))
        assert isinstance(error, RequestRejected)
        assert error.code == OTHER_THREAD
        assert not error.retryable
    async with answered(lambda _: httpx.Response(200, json={"messages": entries})) as api:
        assert (await api.page(AUTH, thread_id=None)).messages[0].content == "x"


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(404, text="Not Found"),
        httpx.Response(404, json={"success": False, "error": "Not Found", "code": "NOT_FOUND"}),
        httpx.Response(405),
        httpx.Response(501),
    ],
)
async def test_a_server_without_a_history_says_so(answer: httpx.Response) -> None:
    error = await refusal_of(answer)
    assert isinstance(error, RequestRejected)
    assert error.code == NO_HISTORY
    assert not error.retryable


async def test_a_thread_that_is_not_there_is_not_a_server_without_a_history() -> None:
    async with running_server(agent=Echo()) as server, calling(server) as api:
        with pytest.raises(RequestRejected) as raised:
            await api.page(AUTH, thread_id="nowhere")
        assert raised.value.code == "THREAD_NOT_FOUND"
        with pytest.raises(CredentialsRejected):
            await api.page(AuthData("wrong", KEY), thread_id="nowhere")


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (httpx.Response(429, headers={"retry-after": "7"}), RateLimited),
        (httpx.Response(503), ServerError),
        (httpx.Response(302, headers={"location": "https://elsewhere"}), RequestRejected),
        (httpx.Response(200, text="<html>"), RequestRejected),
        (httpx.Response(200, json={"success": False, "error": "no"}), RequestRejected),
        (httpx.Response(200, json={"success": True}), RequestRejected),
    ],
)
async def test_other_refusals(answer: httpx.Response, kind: type[TuiChatError]) -> None:
    error = await refusal_of(answer)
    assert isinstance(error, kind)
    assert error.code != NO_HISTORY


# -- what it is for -------------------------------------------------------------------------------


class Gate:
    """Thinks, says something, waits, then uses a tool and says the rest."""

    def __init__(self) -> None:
        self.open = asyncio.Event()

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        yield ReasoningStart("r")
        yield ReasoningDelta("Let me see.", "r")
        yield ReasoningEnd("r")
        yield Text("I am loo")
        await self.open.wait()
        yield Text("king it up.")
        yield ServerToolCall("look_up", "c1", {"word": turn.text})
        yield ServerToolResult("look_up", "c1", ["a", "b"])
        yield Text("It is a word.")


def take(conversation: Conversation, raw: bytes | str) -> str:
    """Fold one frame into a conversation; return its type."""
    frame = SERVER_FRAMES.decode(raw)
    assert not isinstance(frame, IgnoredFrame)
    for change in reduce(conversation, frame, 0.0):
        conversation.apply(change)
    return str(frame.__struct_config__.tag)


def ask(conversation: Conversation, text: str) -> OutboxItem:
    """Put a question into a conversation whose fate is not known yet."""
    number = conversation.next_id
    for change in user_sent(conversation, text, 0.0, outbox_id=f"id{number}"):
        conversation.apply(change)
    return OutboxItem(
        id=f"id{number}",
        position=number,
        text=text,
        created=0.0,
        state=DeliveryState.UNKNOWN,
        writes=1,
        message_id=number,
    )


def shown(conversation: Conversation) -> list[tuple[MessageKind, Any]]:
    return [(m.kind, m.text if m.tool is None else m.tool.result) for m in conversation]


async def poll(api: MessagesApi, thread: str, enough: Callable[[History], bool]) -> History:
    async with asyncio.timeout(5):
        while True:
            history = History.of(await api.page(AUTH, thread_id=thread))
            if enough(history):
                return history
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("with_id", [False, True])
async def test_a_reply_that_was_cut_off_is_completed_from_the_history(*, with_id: bool) -> None:
    agent = Gate()
    async with running_server(agent=agent) as server, calling(server) as api:
        conversation = Conversation()
        item = ask(conversation, "word\ud83d")
        async with Peer.ready(server) as peer:
            ids = {"clientMessageId": item.id} if with_id else {}
            await peer.send("chat_message", content="word\ufffd", media=[], **ids)
            async with asyncio.timeout(5):
                while shown(conversation)[-1] != (MessageKind.ASSISTANT, "I am loo"):
                    take(conversation, await peer.socket.recv())
            peer.socket.transport.abort()
        for change in interrupt(conversation, 1.0):
            conversation.apply(change)
        thread = conversation.thread_id
        assert thread is not None
        agent.open.set()

        def find(history: History) -> set[str]:
            return set(arrived(history, [item], conversation, began_here=True).arrived)

        history = await poll(
            api, thread, lambda found: bool(found.messages) and found.messages[-1].role != "user"
        )
        assert find(history) == {item.id}
        asked = question(history, 1, [item], conversation, began_here=True)
        assert asked is not None
        assert asked.client_message_id in ("", item.id if with_id else "")
        reply = replies(history, asked)
        for change in completion(conversation, 1, reply, 2.0):
            conversation.apply(change)
        assert shown(conversation)[1:] == [
            (MessageKind.REASONING, "Let me see."),
            (MessageKind.ASSISTANT, "I am looking it up."),
            (MessageKind.TOOL, ["a", "b"]),
            (MessageKind.ASSISTANT, "It is a word."),
        ]
        assert completion(conversation, 1, reply, 3.0) == []


async def test_what_arrived_is_found_behind_pages_of_what_did_not() -> None:
    async with (
        running_server(agent=Echo()) as server,
        calling(server) as api,
        Peer.ready(server) as peer,
    ):
        thread = await say(peer, ["yes", "anchor", "yes", "no", "yes"])
        conversation = Conversation(thread)
        items = [ask(conversation, text) for text in ("anchor", "yes", "no", "yes", "never")]
        anchor: Message = conversation[1]
        anchor.delivery = DeliveryState.PERSISTED
        history = History.of(await api.page(AUTH, thread_id=thread, limit=3))
        finding = arrived(history, items[1:], conversation)
        assert (finding.arrived, finding.reach) == (frozenset(), "older")
        while finding.reach == "older":
            page = await api.page(AUTH, thread_id=thread, before=history.before, limit=3)
            history = history.with_older(page)
            finding = arrived(history, items[1:], conversation)
        assert finding.arrived == {"id2", "id3", "id4"}
        assert (finding.conclusive, finding.reach) == (False, "enough")
