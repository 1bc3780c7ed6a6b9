"""Tool calls that are out with a client."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

from msgspec import UNSET

from tui_chat.protocol.client_frames import ToolCallResponse
from tui_chat.protocol.codec import error_text
from tui_chat.server.agent import ClientToolError

__all__ = ["ToolCalls", "result_of"]


class ToolCalls:
    """Ties answers to calls.

    A call belongs to the user, not to the connection it went out on: a client whose connection
    broke while its tool was running answers over the next one.
    """

    def __init__(self) -> None:
        self._waiting: dict[tuple[str, str], asyncio.Future[ToolCallResponse]] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def open(self, owner: str) -> tuple[str, asyncio.Future[ToolCallResponse]]:
        """Return the id for a new call, and the future of its answer."""
        call_id = f"call_{uuid.uuid4().hex}"
        future: asyncio.Future[ToolCallResponse] = asyncio.get_running_loop().create_future()
        self._waiting[owner, call_id] = future
        future.add_done_callback(lambda _: self._waiting.pop((owner, call_id), None))
        return call_id, future

    def answer(self, owner: str, response: ToolCallResponse) -> bool:
        """Deliver an answer; say whether anybody was waiting for it.

        A second answer, or one for a call that has timed out, changes nothing.
        """
        future = self._waiting.get((owner, response.callId))
        if future is None or future.done():
            return False
        future.set_result(response)
        return True


async def result_of(future: asyncio.Future[ToolCallResponse], seconds: float) -> Any:
    """Wait for a client's answer and return its result, any JSON value.

    Raises:
        ClientToolError: if the answer is an error, or none comes within so many ``seconds``.
    """
    try:
        async with asyncio.timeout(seconds):
            response = await future
    except TimeoutError:
        raise ClientToolError(
            "TIMEOUT", f"The client did not answer the tool call within {seconds:g} s."
        ) from None
    if response.error is not UNSET:
        sentence = error_text(response.error) or "The tool failed without saying why."
        raise ClientToolError("FAILED", sentence)
    return None if response.result is UNSET else response.result
