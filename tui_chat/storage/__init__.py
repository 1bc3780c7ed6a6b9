"""What is kept on this machine: conversations, outbox, drafts, prompts, in SQLite.

One database per user holds the conversations with all servers. A running program *claims* the
conversations it has open, and no other one opens them until it has released them or died. Where
the disk cannot be used, everything goes on in memory, and a notice says so.

The names are loaded on first use: a command that does without the store does not pay for it.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from tui_chat.storage.conversation import StoredConversation
    from tui_chat.storage.folder import data_folder
    from tui_chat.storage.store import Store
    from tui_chat.storage.surroundings import Surroundings
    from tui_chat.storage.values import (
        WRITE_POINTS,
        ConversationSummary,
        PurgeReport,
        Retention,
        Scope,
        SearchHit,
        StorageNotice,
    )

__all__ = [
    "WRITE_POINTS",
    "ConversationSummary",
    "PurgeReport",
    "Retention",
    "Scope",
    "SearchHit",
    "StorageNotice",
    "Store",
    "StoredConversation",
    "Surroundings",
    "data_folder",
]

_HOME_OF: Final = {
    "StoredConversation": "conversation",
    "Surroundings": "surroundings",
    "data_folder": "folder",
    "Store": "store",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = importlib.import_module(f"{__name__}.{_HOME_OF.get(name, 'values')}")
    value = globals()[name] = getattr(module, name)
    return value
