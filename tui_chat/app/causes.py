"""Why there is no connection, in words for the banner, and which key or command helps.

The one place of the application where a connection's cause becomes a sentence.
"""

from __future__ import annotations

from tui_chat.app.bindings import key_of
from tui_chat.connection.status import ConnectionState, ConnectionStatus
from tui_chat.diagnosis import diagnose
from tui_chat.errors import CredentialsRejected, NetworkError
from tui_chat.text import one_line

__all__ = ["explain_outage"]

_LONGEST = 400

_NEW_CREDENTIALS = (
    "Quit with {quit}, set TUI_CHAT_TOKEN and TUI_CHAT_SERVER_KEY to valid ones, and start again."
)
_DEMO_ENDED = (
    "The demo's own server has ended, and nothing starts it again. "
    "Quit with {quit}, then start 'tui-chat demo' anew."
)
_KEYS = {
    ConnectionState.BACKOFF: "{reconnect} tries now.",
    ConnectionState.PAUSED: "{reconnect} twice tries anyway.",
    ConnectionState.FAILED: "{reconnect} tries again.",
}


def explain_outage(status: ConnectionStatus, *, demo: bool = False) -> str:
    """Return what the banner says; empty if there is nothing to explain.

    Args:
        status: the connection's state and its cause.
        demo: whether the server is the demo's own, a child of this program.
    """
    cause = status.cause
    if cause is None or status.state is ConnectionState.READY:
        return ""
    if demo and isinstance(cause, NetworkError) and not cause.reached:
        return _with_keys(_DEMO_ENDED)  # it listens on this machine for as long as it lives
    if isinstance(cause, CredentialsRejected) and status.state is ConnectionState.FAILED:
        # Trying the same ones again is no help; the error's own advice is for every client.
        return f"{one_line(cause.sentence, _LONGEST)} {_with_keys(_NEW_CREDENTIALS)}"
    key = _with_keys(_KEYS.get(status.state, ""))
    why = status.diagnosis or diagnose(cause)
    return f"{one_line(str(why), _LONGEST)} {key}".rstrip()


def _with_keys(text: str) -> str:
    return text.format(quit=key_of("quit"), reconnect=key_of("reconnect"))
