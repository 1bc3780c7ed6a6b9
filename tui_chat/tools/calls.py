"""Answers each tool call exactly once, whatever the tool and the connection do meanwhile."""

from __future__ import annotations

import asyncio
import logging
from collections import OrderedDict
from collections.abc import Callable
from typing import Any, Final

from msgspec import UNSET

from tui_chat.protocol.client_frames import ToolCallResponse
from tui_chat.protocol.server_frames import ToolCallRequest
from tui_chat.text import one_line
from tui_chat.tools.registry import ToolError, ToolRegistry

__all__ = ["ToolCalls"]

_LOGGER: Final = logging.getLogger(__name__)

REMEMBERED: Final = 256
"""Answers kept for a server that asks again after a reconnect."""
MAX_RUNNING: Final = 32
"""Calls that may run at once; a server that asks for more gets an error for each."""
RENDER_UI: Final = "render_ui"
"""Not a tool to run: it only announces a component, and is answered at once (the protocol)."""


class ToolCalls:
    """Runs the calls of one client.

    A call that finishes while there is no session keeps its answer for the next one. A server that
    repeats a request on a later session gets the same answer again, without a second run; one that
    repeats it on the same session gets nothing more.

    Args:
        registry: the tools.
        send: sends an answer on the session; False if there is none right now. Its second
            argument is called if the connection is lost before the answer is written.
        finished: told when a call ends: its id, the result, and the error or None.
    """

    def __init__(
        self,
        registry: ToolRegistry,
        *,
        send: Callable[[ToolCallResponse, Callable[[], None]], bool],
        finished: Callable[[str, Any, str | None], None],
    ) -> None:
        self._registry = registry
        self._send = send
        self._finished = finished
        self._running: dict[str, asyncio.Task[None]] = {}
        self._answers: OrderedDict[str, ToolCallResponse] = OrderedDict()
        self._asked: dict[str, tuple[str, Any]] = {}
        self._unsent: dict[str, None] = {}
        self._sent_here: set[str] = set()

    @property
    def running(self) -> int:
        """How many calls are under way."""
        return len(self._running)

    def request(self, frame: ToolCallRequest) -> None:
        """Take in a request of the server; never waits, never raises."""
        call_id = frame.callId
        if call_id in self._running or call_id in self._sent_here:
            return
        asked = (frame.toolName, frame.parameters)
        answer = self._answers.get(call_id)
        # A server that was restarted counts its calls from one again: an id alone says nothing.
        if answer is not None and self._asked.get(call_id) == asked:
            self._deliver(answer)
            return
        self._asked[call_id] = asked
        if frame.toolName == RENDER_UI:
            self._finish(call_id, {"rendered": True}, None)
        elif len(self._running) >= MAX_RUNNING:
            self._finish(call_id, None, "Too many tool calls are running in this client.")
        else:
            task = asyncio.create_task(self._run(frame), name="tui-chat tool call")
            self._running[call_id] = task

    async def _run(self, frame: ToolCallRequest) -> None:
        result: Any = None
        error: str | None = None
        try:
            result = await self._registry.call(
                frame.toolName, None if frame.parameters is UNSET else frame.parameters
            )
        except ToolError as failure:
            error = one_line(str(failure), 500) or "The tool failed."
        except asyncio.CancelledError:
            self._running.pop(frame.callId, None)
            raise
        except Exception as failure:  # noqa: BLE001 - whatever a tool raises is an answer
            # The text of a foreign exception may hold anything; the server gets its name.
            error = f"The tool failed: {type(failure).__name__}."
            _LOGGER.warning(
                "tool %s failed: %s", one_line(frame.toolName, 64), type(failure).__name__
            )
        self._running.pop(frame.callId, None)
        self._finish(frame.callId, result, error)

    def _finish(self, call_id: str, result: Any, error: str | None) -> None:
        answer = (
            ToolCallResponse(call_id, result=result)
            if error is None
            else ToolCallResponse(call_id, error=error)
        )
        self._answers[call_id] = answer
        while len(self._answers) > REMEMBERED:
            old, _ = self._answers.popitem(last=False)
            self._unsent.pop(old, None)
            self._asked.pop(old, None)
        self._finished(call_id, result, error)
        self._deliver(answer)

    def _deliver(self, answer: ToolCallResponse) -> None:
        def lost() -> None:
            if answer.callId in self._answers:
                self._unsent[answer.callId] = None

        if self._send(answer, lost):
            self._unsent.pop(answer.callId, None)
            self._sent_here.add(answer.callId)
        else:
            self._unsent[answer.callId] = None

    def session_ready(self) -> None:
        """A session began: send what became ready while there was none."""
        self._sent_here.clear()
        for call_id in tuple(self._unsent):
            self._deliver(self._answers[call_id])

    async def aclose(self) -> None:
        """Stop all running calls and wait until they have stopped."""
        tasks = tuple(self._running.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        self._running.clear()
