"""The harmless client tools this application offers to the server.

Imported in the client's thread. They tell nothing that the person at the keyboard
would mind: no paths, no names, no text.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from tui_chat import __version__
from tui_chat.text import one_line

__all__ = ["client_tools", "local_time", "terminal_info"]


def terminal_info() -> dict[str, Any]:
    """Return the size and kind of the user's terminal and the version of this program."""
    import os  # noqa: PLC0415 - only for one variable

    size = shutil.get_terminal_size()
    return {
        "columns": size.columns,
        "rows": size.lines,
        "term": one_line(os.environ.get("TERM", "unknown"), 40),
        "program": f"tui-chat {__version__}",
    }


def local_time() -> dict[str, str]:
    """Return the user's local date and time with its offset from UTC."""
    now = datetime.fromtimestamp(time.time()).astimezone()
    return {"time": now.isoformat(timespec="seconds"), "weekday": now.strftime("%A")}


def client_tools() -> Sequence[Any]:
    """Return the tools for :meth:`tui_chat.chat_client.WebSocketChatClient.start`."""
    from tui_chat.tools import ClientTool  # noqa: PLC0415 - slow to import

    return (ClientTool(terminal_info), ClientTool(local_time))
