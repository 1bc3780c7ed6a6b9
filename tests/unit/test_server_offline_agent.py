"""What the built-in agent answers."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pytest

from tui_chat.app.bindings import Scope, commands_in, display
from tui_chat.server import offline_texts as texts
from tui_chat.server.agent import (
    AgentEvent,
    ClientToolError,
    ConnectionFacts,
    DropConnection,
    ExpireTickets,
    Failure,
    OfferedTool,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
    Turn,
    Unavailable,
)
from tui_chat.server.offline_agent import OfflineAgent
from tui_chat.text import is_clean

FACTS = ConnectionFacts(
    ticket_lifetime=300,
    ticket_expires_in=192.4,
    single_use=False,
    tickets_issued=3,
    handshakes=2,
    session_age=61,
    sessions=1,
)


async def answer(text: str, **turn: Any) -> list[AgentEvent]:
    agent = OfflineAgent(delay=0)
    return [event async for event in agent.run(Turn(text, **turn))]


def said(events: list[AgentEvent]) -> str:
    return "".join(event.delta for event in events if isinstance(event, Text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("help", texts.HELP),
        ("?", texts.HELP),
        ("Hello!", texts.GREETING),
        ("hi", texts.GREETING),
        ("which KEYS are there?", texts.KEYS),
        ("commands", texts.COMMANDS),
        ("a long answer, please", texts.LONG),
        ("show me a table", texts.TABLE),
        ("some code", texts.CODE),
        ("markdown", texts.MARKDOWN),
        ("slow", texts.SLOW),
        ("thanks", texts.THANKS),
        ("a long answer about the long history of long words, in a long sentence for once", None),
        ("what is the meaning of this", None),
        ("keyed", None),
        ("", None),
        ("\x1b]0;owned\x07", None),
    ],
)
async def test_words_choose_the_answer(text: str, expected: str | None) -> None:
    assert said(await answer(text)) == (expected or texts.ASKED_TOO_MUCH)


async def test_the_connection_is_described() -> None:
    text = said(await answer("ticket", connection=FACTS))
    for part in ("**5 min**", "expires in 3 min 12 s", "3 tickets", "connected twice", "1 min 1 s"):
        assert part in text
    assert "1 connection open" in text
    gone = ConnectionFacts(3600.0, 0.0, True, 1, 1, 0.2, 2)
    text = said(await answer("status", connection=gone))
    for part in (
        "**1 h**",
        "has expired",
        "one connection each",
        "connected once",
        "2 connections",
    ):
        assert part in text


async def test_reasoning_comes_before_the_answer() -> None:
    events = await answer("reasoning")
    kinds = [type(event) for event in events]
    assert kinds.count(ReasoningStart) == kinds.count(ReasoningEnd) == 2
    assert kinds.index(Text) > max(
        place for place, kind in enumerate(kinds) if kind is ReasoningEnd
    )
    thought = "".join(event.text for event in events if isinstance(event, ReasoningDelta))
    assert thought.startswith("The user wants to see reasoning.")


async def test_a_server_tool_is_called_and_its_result_used() -> None:
    events = await answer("server tool")
    (call,) = [event for event in events if isinstance(event, ServerToolCall)]
    (result,) = [event for event in events if isinstance(event, ServerToolResult)]
    assert call.call_id == result.call_id
    assert events.index(call) < events.index(result)
    assert result.result["server"] in said(events)


async def test_an_error_ends_the_answer() -> None:
    events = await answer("error")
    assert isinstance(events[-1], Failure)
    assert events[-1].code == "DEMO_ERROR"


async def test_connections_and_tickets_are_ended_on_request() -> None:
    assert (await answer("drop"))[-1] == DropConnection(1006)
    events = await answer("expire")
    assert isinstance(events[-2], ExpireTickets)
    assert isinstance(events[-1], DropConnection)
    assert (events[-1].code, events[-1].error_code) == (4401, "TICKET_EXPIRED")
    for word, code in (("restart", 1012), ("busy", 1013)):
        events = await answer(word)
        assert isinstance(events[-2], Unavailable)
        assert isinstance(events[-1], DropConnection)
        assert events[-1].code == code
    events = await answer("cut")
    (cut,) = [event for event in events if isinstance(event, DropConnection)]
    assert cut.at_once
    assert isinstance(events[-1], Text)


class Client:
    def __init__(self, result: Any = None, error: ClientToolError | None = None) -> None:
        self.calls: list[tuple[str, Mapping[str, Any]]] = []
        self._result = result
        self._error = error

    async def __call__(self, name: str, arguments: Mapping[str, Any]) -> Any:
        self.calls.append((name, arguments))
        if self._error is not None:
            raise self._error
        return self._result


def parameter(name: str, required: bool, **schema: Any) -> dict[str, Any]:
    return {"name": name, "type": "string", "isRequired": required, "schema": schema}


EASY = OfferedTool("easy", parameters=(parameter("maybe", required=False),))
HARD = OfferedTool(
    "hard",
    parameters=(
        parameter("unit", required=True, enum=["cm", "inch"]),
        parameter("count", required=True, type="integer"),
        parameter("name", required=True),
        parameter("flag", required=True, default=False),
        parameter("maybe", required=False),
        {"name": 5, "isRequired": True},
        {"name": "odd", "isRequired": True, "type": ["string"], "schema": "none"},
    ),
)
FORM = OfferedTool("ask_user_question")


async def test_without_client_tools_it_says_so() -> None:
    assert said(await answer("client tool")) == texts.NO_CLIENT_TOOL
    assert said(await answer("client tool", tools=(FORM,))) == texts.NO_CLIENT_TOOL


async def test_the_easiest_client_tool_is_called() -> None:
    client = Client({"time": "noon"})
    text = said(await answer("client tool", tools=(FORM, HARD, EASY), client_tool=client))
    assert client.calls == [("easy", {})]
    assert "`easy`" in text
    assert '"time": "noon"' in text


async def test_a_client_tool_is_called_by_its_name_with_arguments_that_fit() -> None:
    client = Client(None)
    await answer("call hard now", tools=(EASY, HARD), client_tool=client)
    assert client.calls == [
        ("hard", {"unit": "cm", "count": 1, "name": "demo", "flag": False, "odd": "demo"})
    ]


async def test_a_client_tool_that_fails_is_reported() -> None:
    client = Client(error=ClientToolError("FAILED", "no `luck`\x1b[2J"))
    text = said(await answer("client tool", tools=(EASY,), client_tool=client))
    assert "It reported an error: `no 'luck'\u241b[2J`" in text


async def test_what_a_client_tool_returns_stays_in_its_block() -> None:
    client = Client("```\n# not a heading\n\x9b2J")
    text = said(await answer("client tool", tools=(EASY,), client_tool=client))
    assert text.count("```") == 2
    assert is_clean(text)


async def test_answers_come_in_small_pieces() -> None:
    events = await answer("long")
    deltas = [event.delta for event in events if isinstance(event, Text)]
    assert len(deltas) > 300
    assert max(map(len, deltas)) < 80


def test_the_answer_about_keys_knows_every_key_of_the_program() -> None:
    # The server must not import the application; that both say the same is seen to here.
    shown = set(re.findall(r"`([^`]+)`", texts.KEYS.split("If a function key")[0]))
    keys = {
        display(key)
        for scope in (Scope.PROMPT, Scope.CHAT, Scope.APP)
        for command in commands_in(scope)
        for key in command.keys
    }
    assert shown == keys
