"""How the messages are walked through, folded and saved."""

from __future__ import annotations

from typing import Final

from tui_chat.app.commands.command import Command, Scope

__all__ = ["WALKING"]

WALKING: Final[tuple[Command, ...]] = (
    Command(
        "walk-up",
        ("alt+up",),
        "walk_up",
        "message above",
        "Go to the message above; the first time, to the last one in view",
        Scope.CHAT,
        priority=True,
        palette="Go to the message above",
        slash="above",
    ),
    Command(
        "walk-down",
        ("alt+down",),
        "walk_down",
        "message below",
        "Go to the message below",
        Scope.CHAT,
        priority=True,
        palette="Go to the message below",
        slash="below",
    ),
    Command(
        "fold-all",
        (),
        "fold_all",
        "fold all",
        "Fold all reasoning and all tool calls, or only one of the two",
        Scope.CHAT,
        palette="Fold all reasoning and tool calls",
        slash="fold",
        argument="KIND",
    ),
    Command(
        "unfold-all",
        (),
        "unfold_all",
        "unfold all",
        "Unfold all reasoning and all tool calls, or only one of the two",
        Scope.CHAT,
        palette="Unfold all reasoning and tool calls",
        slash="unfold",
        argument="KIND",
    ),
    Command(
        "save",
        (),
        "save_conversation",
        "save",
        "Save the conversation to a file, as Markdown or, with a name that ends in .json, as JSON",
        Scope.CHAT,
        palette="Save the conversation",
        slash="save",
        argument="FILE",
    ),
    Command("message-above", ("up",), "walk(-1)", "above", "Go a message up", Scope.WALKING),
    Command("message-below", ("down",), "walk(1)", "below", "Go a message down", Scope.WALKING),
    Command("first-message", ("home",), "walk_to(0)", "first", "Go to the first", Scope.WALKING),
    Command("last-message", ("end",), "walk_to(-1)", "newest", "Go to the newest", Scope.WALKING),
    Command(
        "fold",
        ("space",),
        "toggle_fold",
        "fold",
        "Fold reasoning or a tool call, or unfold it; so does a click on its first line",
        Scope.WALKING,
    ),
    Command(
        "message-menu",
        ("enter",),
        "open_menu",
        "menu",
        "Show what can be done with the message: copy, save, retry, edit, open links",
        Scope.WALKING,
    ),
    Command(
        "leave-message",
        ("escape",),
        "leave_cursor",
        "leave",
        "Go back to the prompt",
        Scope.WALKING,
    ),
)
