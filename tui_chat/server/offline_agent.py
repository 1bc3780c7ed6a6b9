"""The built-in agent: no network, no model, and one subject, this program."""

from __future__ import annotations

import asyncio
import platform
import re
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Final

import msgspec

import tui_chat
from tui_chat.server import offline_texts as texts
from tui_chat.server.agent import (
    AgentEvent,
    ClientToolError,
    ConnectionFacts,
    DropConnection,
    ExpireTickets,
    Failure,
    ReasoningDelta,
    ReasoningEnd,
    ReasoningStart,
    ServerToolCall,
    ServerToolResult,
    Text,
    Turn,
    Unavailable,
)
from tui_chat.server.sample_calls import pick_tool, sample_arguments
from tui_chat.text import clean, shorten

__all__ = ["OfflineAgent"]

DELTA_DELAY: Final = 0.015
"""Seconds between two deltas: about the pace of a hosted model."""
RESTART: Final = 2.0
"""Seconds the server is away when asked to restart."""
BUSY: Final = 5.0
"""Seconds the server serves nothing when asked to be busy."""
SLOW: Final = 30
"""How many times slower the slow answer is."""
LONGEST_REQUEST: Final = 12
"""Words; something longer is a real question that happens to hold one of our words."""

Show = Callable[["OfflineAgent", Turn], AsyncIterator[AgentEvent]]


class OfflineAgent:
    """Explains tui-chat, and shows on request what a chat server can do to its clients.

    Args:
        delay: seconds between two deltas; 0 sends them as fast as they go.
    """

    def __init__(self, *, delay: float = DELTA_DELAY) -> None:
        self._delay = delay

    async def run(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        """Answer one message."""
        show = _choose(turn.text, {tool.name for tool in turn.tools})
        async for event in show(self, turn):
            yield event

    async def say(self, text: str, *, slowness: float = 1) -> AsyncIterator[AgentEvent]:
        """Stream a text in small pieces, each as long as a word or two."""
        for delta in _pieces(text):
            yield Text(delta)
            # Also without a delay: other tasks get their turn, and the run can be stopped.
            await asyncio.sleep(self._delay * slowness)

    # -- what it can show -------------------------------------------------------------------------

    async def slow(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """An answer that takes long enough to be stopped."""
        for word in re.findall(r"\S+\s*", texts.SLOW):
            yield Text(word)
            await asyncio.sleep(self._delay * SLOW)

    async def ticket(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        """What the server sees of the connection."""
        async for event in self.say(_describe(turn.connection) + texts.TICKETS):
            yield event

    async def reasoning(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """Two blocks of reasoning before the answer."""
        thoughts = (
            (
                "The user wants to see reasoning. I should think about something small enough to "
                "follow: how long can a client wait before it renews a ticket of five minutes?"
            ),
            (
                "It must not wait until the last moment, because a request can fail and has to be "
                "repeated. Half of the lifetime leaves two and a half minutes for that. Renewing "
                "earlier would only cost requests."
            ),
        )
        for number, thought in enumerate(thoughts, 1):
            block = f"thought-{number}"
            yield ReasoningStart(block)
            for delta in _pieces(thought):
                yield ReasoningDelta(delta, block)
                await asyncio.sleep(self._delay)
            yield ReasoningEnd(block)
        answer = (
            "A ticket of five minutes is best renewed **half-way through**: early enough to try "
            "again if something fails, late enough not to ask all the time.\n\nWhat I thought "
            "before I said so stands above this answer.\n"
        )
        async for event in self.say(answer):
            yield event

    async def server_tool(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """A tool that runs here; its result is real."""
        async for event in self.say("Let me look at the machine this server runs on.\n"):
            yield event
        call_id = f"server_{uuid.uuid4().hex}"
        yield ServerToolCall("server_info", call_id, {"details": ["python", "system"]})
        await asyncio.sleep(self._delay * SLOW)
        found = {
            "server": f"tui-chat {tui_chat.__version__}",
            "python": platform.python_version(),
            "system": platform.system(),
        }
        yield ServerToolResult("server_info", call_id, found)
        answer = (
            f"It runs **{found['server']}** on Python {found['python']} and {found['system']}. "
            "The tool ran on the server; your client only heard about the call and its result.\n"
        )
        async for event in self.say(answer):
            yield event

    async def client_tool(self, turn: Turn) -> AsyncIterator[AgentEvent]:
        """A tool that the client runs: one that was named, or the easiest to call."""
        tool = pick_tool(turn)
        if tool is None:
            async for event in self.say(texts.NO_CLIENT_TOOL):
                yield event
            return
        async for event in self.say(f"I ask your client to run {_code(tool.name)}.\n"):
            yield event
        try:
            result = await turn.call_client_tool(tool.name, sample_arguments(tool))
        except ClientToolError as error:
            reasons = {"TIMEOUT": "It did not answer in time", "FAILED": "It reported an error"}
            reason = reasons.get(error.code, "It could not be called")
            answer = f"That gave no result. {reason}: {_code(str(error))}\n"
        else:
            answer = f"It ran over there and sent this back:\n\n{_json_block(result)}\n"
        async for event in self.say(answer):
            yield event

    async def error(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """A run that fails after a few words."""
        async for event in self.say("I begin an answer, and then something goes wrong"):
            yield event
        yield Failure("DEMO_ERROR", "This run failed because you asked for it. Nothing is broken.")

    async def drop(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """The connection is lost once the answer is complete, without a closing handshake."""
        async for event in self.say(texts.DROP):
            yield event
        yield DropConnection(1006)

    async def restart(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """The server seems to restart: it says so, and is away for a moment."""
        async for event in self.say(texts.RESTART):
            yield event
        yield Unavailable(RESTART)
        yield DropConnection(1012, "service restart")

    async def busy(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """The server sends its client away for a while."""
        async for event in self.say(texts.BUSY):
            yield event
        yield Unavailable(BUSY)
        yield DropConnection(1013, "try again later")

    async def cut(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """The connection is lost in the middle of the answer."""
        async for event in self.say(texts.CUT):
            yield event
        yield DropConnection(1006, at_once=True)
        async for event in self.say(texts.CUT_REST):
            yield event

    async def expire(self, _turn: Turn) -> AsyncIterator[AgentEvent]:
        """All tickets end, and the session with them."""
        async for event in self.say(texts.EXPIRE):
            yield event
        yield ExpireTickets()
        yield DropConnection(4401, "The ticket has expired.", error_code="TICKET_EXPIRED")


def _recite(text: str) -> Show:
    def show(agent: OfflineAgent, _turn: Turn) -> AsyncIterator[AgentEvent]:
        return agent.say(text)

    return show


# Which words ask for what; the first entry that matches decides, so the longer phrases come first.
_SHOWS: Final[tuple[tuple[str, Show], ...]] = (
    (r"server[ -]?tools?", OfflineAgent.server_tool),
    (r"client[ -]?tools?|tools?", OfflineAgent.client_tool),
    (r"expired?|expires|expiry", OfflineAgent.expire),
    (r"drop(?:ped)?|disconnect", OfflineAgent.drop),
    (r"cut|interrupt", OfflineAgent.cut),
    (r"restart", OfflineAgent.restart),
    (r"busy|maintenance|overload(?:ed)?", OfflineAgent.busy),
    (r"errors?|fail(?:ure)?", OfflineAgent.error),
    (r"slow(?:ly)?", OfflineAgent.slow),
    (r"long", _recite(texts.LONG)),
    (r"reason(?:ing)?|think(?:ing)?", OfflineAgent.reasoning),
    (r"tables?", _recite(texts.TABLE)),
    (r"code|script", _recite(texts.CODE)),
    (r"markdown|format(?:ting)?", _recite(texts.MARKDOWN)),
    (r"keys?|shortcuts?|keyboard", _recite(texts.KEYS)),
    (r"commands?|options?", _recite(texts.COMMANDS)),
    (r"tickets?|connections?|status|session", OfflineAgent.ticket),
    (r"help|demo|\?", _recite(texts.HELP)),
    (r"thanks?|thank you|cheers", _recite(texts.THANKS)),
    (r"hi|hello|hey|hallo|good (?:morning|day|evening)", _recite(texts.GREETING)),
)
_PATTERNS: Final = tuple(
    (re.compile(rf"(?<!\w)(?:{pattern})(?!\w)", re.IGNORECASE), show) for pattern, show in _SHOWS
)


def _choose(text: str, tools: set[str]) -> Show:
    """Return what to show for a message."""
    words = text.split()
    if len(words) <= LONGEST_REQUEST:
        if tools.intersection(words):
            return OfflineAgent.client_tool
        for pattern, show in _PATTERNS:
            if pattern.search(text):
                return show
    return _recite(texts.ASKED_TOO_MUCH)


def _pieces(text: str) -> Iterator[str]:
    """Cut a text into pieces of one or two words, as a model's tokens would be."""
    for match in re.finditer(r"\S{1,24}\s*(?:\S{1,6}\s+)?|\s+", text):
        yield match.group()


# -- the connection -------------------------------------------------------------------------------


def _describe(facts: ConnectionFacts | None) -> str:
    if facts is None:
        return "I cannot see your connection from here.\n"
    left = facts.ticket_expires_in
    ticket = (
        f"expires in {_duration(left)}"
        if left > 0
        else "has expired, which does not matter any more"
    )
    use = "one connection each" if facts.single_use else "any number of connections until they end"
    return (
        "### What the server sees of your connection\n\n"
        f"- Tickets here live for **{_duration(facts.ticket_lifetime)}** and are good for {use}.\n"
        f"- The ticket you came in with **{ticket}**.\n"
        f"- You have been given {_count(facts.tickets_issued, 'ticket')} and have connected "
        f"{_times(facts.handshakes)} since the server started.\n"
        f"- This connection has been open for {_duration(facts.session_age)}; "
        f"you have {_count(facts.sessions, 'connection')} open now.\n"
    )


def _duration(seconds: float) -> str:
    whole = round(seconds)
    if whole < 1:
        return "less than a second"
    hours, rest = divmod(whole, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "h"), (minutes, "min"), (rest, "s")]
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _times(number: int) -> str:
    return {1: "once", 2: "twice"}.get(number, f"{number} times")


def _code(text: str) -> str:
    """Return text from outside as inline code that it cannot break out of."""
    return f"`{shorten(' '.join(clean(text).replace('`', chr(39)).split()), 200)}`"


def _json_block(value: Any) -> str:
    """Return a JSON value as a code block that it cannot break out of."""
    text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode("utf-8")
    # JSON text holds no backticks outside of strings; an escape means the same inside of one.
    return f"```json\n{shorten(clean(text), 4000).replace('`', chr(92) + 'u0060')}\n```"
