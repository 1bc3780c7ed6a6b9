"""The registry: everything the user can do, and the keys for it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

__all__ = ["REGISTRY", "Command", "Scope"]


class Scope(StrEnum):
    """Where a key works; the value is the heading on the help screen."""

    PROMPT = "Writing"
    CHAT = "The conversation"
    APP = "Everywhere"
    WELCOME = "The first screen"
    OVERLAY = "Help, queue and the other panels"
    QUEUE = "The queue"
    SAID = "Your messages"


@dataclass(frozen=True, slots=True)
class Command:
    """One thing the user can do, and the keys for it.

    Attributes:
        id: stable name, for configuration and documentation.
        keys: Textual's names of the keys; the first one is shown where there is room for one.
            Terminals keep some function keys and some Alt keys for themselves, so commands that
            have one of these have another one too. Without any, the palette is the way.
        action: the Textual action that is run.
        label: one or two words for the footer.
        help: a sentence for the help screen and the palette.
        scope: where it works.
        footer: position in the footer, from 1; 0 keeps it out.
        priority: whether it works even where the focused widget uses the key itself.
        palette: the palette's title; empty keeps it out.
    """

    id: str
    keys: tuple[str, ...]
    action: str
    label: str
    help: str
    scope: Scope
    footer: int = 0
    priority: bool = False
    palette: str = ""


REGISTRY: Final[tuple[Command, ...]] = (
    # The prompt looks at its keys itself, before its text area inserts them.
    Command(
        "send",
        ("enter",),
        "send",
        "send",
        "Send the message",
        Scope.PROMPT,
    ),
    Command(
        "newline",
        ("shift+enter", "ctrl+j", "alt+enter"),
        "newline",
        "new line",
        "Begin a new line (so does a backslash before Enter)",
        Scope.PROMPT,
    ),
    Command(
        "older",
        ("up",),
        "recall_older",
        "older",
        "In the first line: bring back what you wrote before",
        Scope.PROMPT,
    ),
    Command(
        "newer",
        ("down",),
        "recall_newer",
        "newer",
        "In the last line: go back towards what you were writing",
        Scope.PROMPT,
    ),
    Command(
        "stop",
        ("escape",),
        "stop_run",
        "stop",
        "Stop the reply that is being written, and only that",
        Scope.CHAT,
        palette="Stop the reply",
    ),
    Command(
        "page-up",
        ("pageup",),
        "transcript_page_up",
        "page up",
        "Scroll the conversation a page up",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "page-down",
        ("pagedown",),
        "transcript_page_down",
        "page down",
        "Scroll the conversation a page down",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "line-up",
        ("ctrl+up",),
        "transcript_line_up",
        "line up",
        "Scroll the conversation a line up",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "line-down",
        ("ctrl+down",),
        "transcript_line_down",
        "line down",
        "Scroll the conversation a line down",
        Scope.CHAT,
        priority=True,
    ),
    Command(
        "live",
        ("ctrl+end",),
        "transcript_live",
        "newest",
        "Go to the newest message and follow what arrives",
        Scope.CHAT,
        priority=True,
        palette="Go to the newest message",
    ),
    # Not letters: these work while somebody writes.
    Command(
        "resend",
        ("alt+r", "f5"),
        "resend",
        "send again",
        "Send your latest message again that failed or may not have arrived",
        Scope.CHAT,
        priority=True,
        palette="Send the unclear message again",
    ),
    Command(
        "discard",
        ("alt+d", "f8"),
        "discard",
        "discard",
        "Give that message up instead; it stays in the conversation",
        Scope.CHAT,
        priority=True,
        palette="Discard the unclear message",
    ),
    Command(
        "release",
        ("alt+s", "f9"),
        "release",
        "send",
        "Send what an earlier session left over",
        Scope.CHAT,
        priority=True,
        palette="Send leftovers",
    ),
    Command(
        "keep",
        ("alt+k",),
        "keep",
        "keep",
        "Keep that for later, without being asked again in this session",
        Scope.CHAT,
        priority=True,
        palette="Keep leftovers for later",
    ),
    Command(
        "dismiss",
        ("alt+x",),
        "hide_notice",
        "hide",
        "Hide the notice about what is kept on this machine",
        Scope.CHAT,
        priority=True,
        palette="Hide the notice",
    ),
    Command(
        "retry",
        (),
        "retry",
        "retry",
        "Send your last message once more, as a new one",
        Scope.CHAT,
        palette="Retry the last message",
    ),
    Command(
        "edit-and-resend",
        (),
        "edit_and_resend",
        "edit and resend",
        "Put your last message into the prompt, to change it and send it again",
        Scope.CHAT,
        palette="Edit and resend the last message",
    ),
    Command(
        "queue",
        ("f3", "ctrl+o"),
        "toggle_queue",
        "queue",
        "Show or hide the queue: what waits, failed or may not have arrived",
        Scope.APP,
        priority=True,
        palette="Queue",
    ),
    Command(
        "said",
        ("f4", "ctrl+g"),
        "toggle_said",
        "your messages",
        "Show or hide your messages, to send one again",
        Scope.APP,
        priority=True,
        palette="Your messages",
    ),
    Command(
        "reconnect",
        ("ctrl+r",),
        "reconnect",
        "reconnect",
        "Reconnect now, without waiting for the next try",
        Scope.APP,
        footer=4,
        priority=True,
        palette="Reconnect now",
    ),
    Command(
        "help",
        ("f1",),
        "toggle_help",
        "help",
        "Show or hide this help",
        Scope.APP,
        footer=1,
        priority=True,
        palette="Help",
    ),
    Command(
        "debug",
        ("f12", "ctrl+backslash"),
        "toggle_debug",
        "debug info",
        "Show or hide the debug info: connection, ticket, counters, latest events",
        Scope.APP,
        footer=5,
        priority=True,
        palette="Debug info",
    ),
    Command(
        "palette",
        ("ctrl+p",),
        "command_palette",
        "commands",
        "Find and run a command by its name",
        Scope.APP,
        footer=2,
        priority=True,
    ),
    Command(
        "interrupt",
        ("ctrl+c",),
        "interrupt",
        "copy",
        "Copy the selection; without one, press it twice to quit",
        Scope.APP,
    ),
    Command(
        "quit",
        ("ctrl+q",),
        "quit",
        "quit",
        "Quit",
        Scope.APP,
        footer=3,
        priority=True,
        palette="Quit",
    ),
    Command(
        "demo",
        ("enter", "d"),
        "demo",
        "start the demo",
        "Start the demo: a chat server on this machine, and a chat with it",
        Scope.WELCOME,
    ),
    Command("leave", ("q", "escape"), "app.quit", "quit", "Quit", Scope.WELCOME),
    Command(
        "close",
        ("escape", "q"),
        "close",
        "close",
        "Close what lies over the conversation",
        Scope.OVERLAY,
    ),
    Command(
        "queue-edit",
        ("enter", "e"),
        "edit",
        "edits",
        "Edit a message that waits; Enter saves, Esc leaves it as it was",
        Scope.QUEUE,
    ),
    Command(
        "queue-send-now",
        ("s",),
        "send_now",
        "sends now",
        "Send it before all others",
        Scope.QUEUE,
    ),
    Command(
        "queue-resend",
        ("r",),
        "resend",
        "sends again",
        "Send a message again that failed or may not have arrived",
        Scope.QUEUE,
    ),
    Command(
        "queue-drop",
        ("delete", "d"),
        "drop",
        "discards",
        "Take it out of the queue; Up in the prompt brings its text back",
        Scope.QUEUE,
    ),
    Command(
        "queue-release",
        ("a",),
        "release",
        "sends all leftovers",
        "Send everything that an earlier session left over",
        Scope.QUEUE,
    ),
    Command(
        "said-retry",
        ("r",),
        "retry",
        "sends it again",
        "Send it once more, as a new message",
        Scope.SAID,
    ),
    Command(
        "said-edit",
        ("enter", "e"),
        "edit",
        "edits it",
        "Put it into the prompt, to change it and send it again",
        Scope.SAID,
    ),
)
