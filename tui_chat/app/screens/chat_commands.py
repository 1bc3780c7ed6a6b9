"""The part of the chat screen that is about slash commands, the editor and the prompt's history."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual import on
from textual.app import SuspendNotSupported

from tui_chat.app.bindings import Command, Scope
from tui_chat.app.glyphs import Glyphs
from tui_chat.app.screens.chat_delivery import ChatDelivery
from tui_chat.app.slash import Invocation, nearest
from tui_chat.app.theme import THEMES
from tui_chat.app.widgets.completion import Completion
from tui_chat.app.widgets.prompt import Prompt
from tui_chat.app.widgets.status_bar import StatusBar
from tui_chat.errors import TuiChatError
from tui_chat.text import clean, is_clean

if TYPE_CHECKING:
    from tui_chat.app.external_editor import EditedFile

__all__ = ["ChatCommands"]

LONGEST_EDITED: Final = 16_000_000
"""Characters that are taken back from an editor; the prompt holds pastes of that size."""


class ChatCommands(ChatDelivery):
    """Runs what is typed behind a slash, and lends the prompt to an editor."""

    def __init__(self, glyphs: Glyphs, status_bar: StatusBar) -> None:
        super().__init__(glyphs, status_bar)
        self.prompt.completer.choices = self._choices
        self.completion = Completion(self.prompt.completer, room=self._spare_rows, glyphs=glyphs)

    def _spare_rows(self) -> int:
        """Return the rows that the conversation could give to a list above the prompt."""
        return self.size.height if self.transcript is None else self.transcript.size.height

    def _choices(self, command: Command) -> Sequence[str]:
        """Return the arguments that a command can be given, if they can be listed."""
        return [short_name(theme.name) for theme in THEMES] if command.id == "theme" else ()

    # -- slash commands ---------------------------------------------------------------------------

    @on(Prompt.Completing)
    def _show_completion(self, event: Prompt.Completing) -> None:
        event.stop()
        self.completion.update()

    @on(Completion.Clicked)
    def _choose(self, event: Completion.Clicked) -> None:
        event.stop()
        self.prompt.choose(event.at)

    @on(Prompt.Commanded)
    async def _command(self, event: Prompt.Commanded) -> None:
        event.stop()
        invocation = event.invocation
        command = invocation.command
        if command is None or not invocation.possible:
            self.notice.show(_refusal(invocation))
        else:
            parameters = (invocation.argument,) if invocation.argument else ()
            where = self if command.scope is Scope.CHAT else self.app
            await self.app.run_action(("", command.action, parameters), where)

    # -- the editor -------------------------------------------------------------------------------

    def action_open_editor(self) -> None:
        """Hand the terminal and the prompt's text to the user's editor, and take both back.

        This thread waits meanwhile, because the terminal is not its own; the client's goes on.
        """
        from tui_chat.app.external_editor import (  # noqa: PLC0415 - seldom needed
            EditedFile,
            chosen_editor,
            usual_editor,
        )

        if self.prompt.pending:
            self.notice.show("The message is just being taken. Press the key again.")
            return
        self.keep_draft()  # at once: from here on this thread deals with no message
        try:
            command = chosen_editor() or usual_editor()
            file = EditedFile(self.prompt.whole)
            try:
                self._lend_terminal(file, command)
                self._take_edited(file.text())
            finally:
                file.remove()
        except SuspendNotSupported:
            self.notice.show("An editor cannot be started here: this terminal cannot be lent.")
        except TuiChatError as error:
            self.notice.show(str(error))

    def _lend_terminal(self, file: EditedFile, command: list[str]) -> None:
        failure: TuiChatError | None = None
        with self.app.suspend():
            try:
                file.edit(command)
            except TuiChatError as error:  # if it left the block, the terminal would stay lent
                failure = error
        if failure is not None:
            raise failure

    def _take_edited(self, text: str) -> None:
        if len(text) > LONGEST_EDITED:
            raise TuiChatError("The edited text is too large: nothing was changed.")
        if not is_clean(text):
            self.prompt.post_message(Prompt.PastedHidden())
        self.prompt.replace_all(clean(text))

    # -- what was written before ------------------------------------------------------------------

    def action_open_history(self, filter_text: str = "") -> None:
        """Open the list of what was written before."""
        from tui_chat.app.screens.prompt_history import (  # noqa: PLC0415 - seldom needed
            PromptHistoryScreen,
        )

        self.app.push_screen(PromptHistoryScreen(self.prompt, filter_text))


def short_name(theme: str) -> str:
    """Return what a theme is called behind ``/theme``."""
    return theme.removeprefix("tui-chat-")


def _refusal(invocation: Invocation) -> str:
    if invocation.command is not None:
        why = f"/{invocation.name} takes nothing behind it"
    else:
        name = nearest(invocation.name)
        why = f"No such command; nearest: /{name}" if name else "No such command"
    return f"{why}. To send it as text, put a space before it or write //{invocation.name}"
