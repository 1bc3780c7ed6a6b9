"""The part of the chat screen that copies, selects and follows links."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from tui_chat.app.screens.chat_commands import ChatCommands

if TYPE_CHECKING:
    from tui_chat.app.safe_app import SafeApp
    from tui_chat.app.transcript import Transcript
    from tui_chat.app.transcript.entry import Entry

__all__ = ["ChatCopying"]


class ChatCopying(ChatCommands):
    """Copies messages and what is selected in them, and shows where their links lead."""

    @property
    def _owner(self) -> SafeApp:
        return cast("SafeApp", self.app)

    # -- copying ----------------------------------------------------------------------------------

    def copy_selection(self) -> bool:
        """Copy what is selected in the conversation; False if nothing is."""
        transcript = self.transcript
        if transcript is None or transcript.selected is None:
            return False
        transcript.action_copy_selection()
        return True

    def on_transcript_copy_wanted(self, event: Transcript.CopyWanted) -> None:
        """Copy the selection."""
        event.stop()
        self._owner.copy(event.parts)

    def copy_message(self, entry: Entry) -> None:
        """Copy a message as it is shown, without what stands around it."""
        from tui_chat.app.transcript.copying import whole  # noqa: PLC0415 - the transcript's

        self._owner.copy(whole(entry), "the message")

    def copy_markdown(self, entry: Entry) -> None:
        """Copy a message as it was written."""
        self._owner.copy(entry.text, "the message's Markdown")

    def copy_code(self, entry: Entry, number: int | None = None) -> None:
        """Copy the code of a message.

        Args:
            entry: the message.
            number: which of its blocks, from 0; all of them without.
        """
        from tui_chat.app.transcript.copying import code_blocks  # noqa: PLC0415 - see above

        blocks = code_blocks(entry)
        if number is not None:
            blocks = blocks[number : number + 1]
        if not blocks:
            self._tell("There is no code in this message.")
            return
        what = "the code" if len(blocks) == 1 else f"{len(blocks)} blocks of code"
        self._owner.copy("\n\n".join(block.text for block in blocks), what)

    def _at_hand(self) -> Entry | None:
        """Return the message that the user is at, or else the latest reply."""
        transcript = self.transcript
        entry = None
        if transcript is not None:
            entry = transcript.current or transcript.latest_reply()
        if entry is None:
            self._tell("There is no reply yet.")
        return entry

    def _tell(self, sentence: str) -> None:
        self.app.notify(sentence, timeout=3, markup=False)

    def action_copy_reply(self) -> None:
        """Copy the message at hand."""
        if (entry := self._at_hand()) is not None:
            self.copy_message(entry)

    def action_copy_markdown(self) -> None:
        """Copy the message at hand as it was written."""
        if (entry := self._at_hand()) is not None:
            self.copy_markdown(entry)

    def action_copy_code(self) -> None:
        """Copy the code of the message at hand."""
        if (entry := self._at_hand()) is not None:
            self.copy_code(entry)

    # -- selecting --------------------------------------------------------------------------------

    def action_select_text(self) -> None:
        """Bring the caret out."""
        if self.transcript is not None:
            self.transcript.show_caret()

    # -- links ------------------------------------------------------------------------------------

    def action_show_links(self) -> None:
        """Show the links of the message at hand."""
        if (entry := self._at_hand()) is not None:
            self.show_links(entry)

    def show_links(self, entry: Entry) -> None:
        """Show the links of a message."""
        from tui_chat.app.screens.links import LinksScreen  # noqa: PLC0415 - seldom needed
        from tui_chat.app.transcript.links import references_in  # noqa: PLC0415 - see above

        self.app.push_screen(LinksScreen(self._owner, references_in(entry)))

    def on_transcript_link_chosen(self, event: Transcript.LinkChosen) -> None:
        """Open a link that says where it leads; of any other show the target first."""
        from tui_chat.app.screens.links import LinksScreen  # noqa: PLC0415 - seldom needed

        event.stop()
        link = event.link
        if link.honest and link.address is not None:
            self._owner.open_link(link.address)
        else:
            self.app.push_screen(LinksScreen(self._owner, [link], "Open this link?"))
