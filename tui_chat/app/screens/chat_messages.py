"""The part of the chat screen that walks through messages, folds and saves them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Final

from textual import events

from tui_chat.app.bindings import Command
from tui_chat.app.screens.chat_copying import ChatCopying
from tui_chat.daemon_thread import call_in_daemon_thread
from tui_chat.errors import TuiChatError
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.screens.message_menu import Choice
    from tui_chat.app.transcript import Transcript
    from tui_chat.app.transcript.entry import Entry
    from tui_chat.app.transcript.exporting import Record

__all__ = ["ChatMessages"]

MOST_BLOCKS: Final = 12
"""Blocks of code that a menu offers one by one."""
KINDS: Final = {"reasoning": "reasoning", "tools": "tool"}
"""What can be folded on its own: as it is typed, and the kind of message that it is."""
JSON_HINT: Final = "A name that ends in .json makes it JSON, any other Markdown."

Write = Callable[[Path], Iterable[str]]
"""Makes what is written into a file, which may depend on its name."""


class ChatMessages(ChatCopying):
    """Lets the user go from message to message, and do things with the one they are at."""

    def _choices(self, command: Command) -> Sequence[str]:
        if command.id in ("fold-all", "unfold-all"):
            return tuple(KINDS)
        return super()._choices(command)

    # -- walking ----------------------------------------------------------------------------------

    def action_walk_up(self) -> None:
        """Go to the message above."""
        self._walk(-1)

    def action_walk_down(self) -> None:
        """Go to the message below."""
        self._walk(1)

    def _walk(self, step: int) -> None:
        if self.transcript is not None:
            self.transcript.focus(scroll_visible=False)
            self.transcript.walk(step)

    def on_transcript_left(self, event: Transcript.Left) -> None:
        """Write on."""
        event.stop()
        self.prompt.focus()

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Whoever writes is at no message any more."""
        if event.widget is self.prompt and self.transcript is not None:
            self.transcript.leave_cursor()

    # -- folding ----------------------------------------------------------------------------------

    def action_fold_all(self, kind: str = "") -> None:
        """Fold everything that can be folded, or one kind of it."""
        self._fold(kind, folded=True)

    def action_unfold_all(self, kind: str = "") -> None:
        """Unfold everything that can be folded, or one kind of it."""
        self._fold(kind, folded=False)

    def _fold(self, name: str, *, folded: bool) -> None:
        from tui_chat.conversation.model import MessageKind  # noqa: PLC0415 - the transcript's

        if name and name not in KINDS:
            self._tell(f"There is {' and '.join(KINDS)} to fold, but no {one_line(name, 40)!r}.")
        elif self.transcript is not None:
            names = [KINDS[name]] if name else KINDS.values()
            self.transcript.fold_all([MessageKind(each) for each in names], folded=folded)

    # -- the menu of a message --------------------------------------------------------------------

    def on_transcript_menu_wanted(self, event: Transcript.MenuWanted) -> None:
        """Show what can be done with a message."""
        from tui_chat.app.screens.message_menu import MessageMenu  # noqa: PLC0415 - seldom needed

        event.stop()
        entry = event.entry
        first = entry.text[:400].lstrip().partition("\n")[0]
        words = first if entry.tool is None else entry.tool.name
        title = ": ".join(filter(None, (_TITLES[entry.kind.value], one_line(words, 50))))
        self.app.push_screen(MessageMenu(title, list(self.choices_for(entry))))

    def choices_for(self, entry: Entry) -> Iterator[Choice]:
        """Yield what can be done with a message."""
        from tui_chat.app.screens.message_menu import Choice  # noqa: PLC0415 - see above

        yield Choice("Copy the text", partial(self.copy_message, entry))
        if entry.tool is None:
            yield Choice("Copy the Markdown", partial(self.copy_markdown, entry))
        yield from self._code_choices(entry)
        if "://" in entry.text or "](" in entry.text:
            yield Choice("Show its links", partial(self.show_links, entry))
        yield Choice("Save to a file", partial(self.save_message, entry))
        if entry.delivery is not None:
            unsettled = next((i for i in self.outbox if i.message_id == entry.id), None)
            again = "Send it again" if unsettled is None else "Send it now, or again"
            yield Choice(again, partial(self.retry, entry.id))
            yield Choice("Edit it and send it again", partial(self.edit_and_resend, entry.id))
            if unsettled is not None and self.worker is not None:
                yield Choice("Discard it", partial(self.worker.discard, unsettled.id))
        if (asked := self._asked(entry)) is not None:
            yield Choice("Ask again", partial(self.retry, asked.id))
        if entry.foldable and self.transcript is not None:
            word = "Unfold" if entry.folded else "Fold"
            yield Choice(f"{word} it", partial(self.transcript.toggle_fold, entry))
            name = next(name for name, kind in KINDS.items() if kind == entry.kind.value)
            what = "reasoning" if name == "reasoning" else "tool calls"
            yield Choice(f"Fold all {what}", partial(self._fold, name, folded=True))
            yield Choice(f"Unfold all {what}", partial(self._fold, name, folded=False))

    def _asked(self, entry: Entry) -> Entry | None:
        """Return the message of the user that a reply which did not end well belongs to."""
        if entry.kind != "assistant" or entry.state not in _BROKEN or self.transcript is None:
            return None
        return next((each for each in self.transcript.said() if each.id < entry.id), None)

    def _code_choices(self, entry: Entry) -> Iterator[Choice]:
        from tui_chat.app.screens.message_menu import Choice  # noqa: PLC0415 - see above
        from tui_chat.app.transcript.copying import code_blocks  # noqa: PLC0415 - transcript's

        blocks = code_blocks(entry)
        for number, block in enumerate(islice(blocks, MOST_BLOCKS)):
            first = one_line(block.text.lstrip()[:400].partition("\n")[0], 60)
            language = one_line(block.language, 20)
            what = f"{language}: {first}" if language else first
            yield Choice(f"Copy the code, {what}", partial(self.copy_code, entry, number))
        if len(blocks) > 1:
            yield Choice(f"Copy all {len(blocks)} blocks of code", partial(self.copy_code, entry))

    # -- saving -----------------------------------------------------------------------------------

    def save_message(self, entry: Entry) -> None:
        """Ask where to save a message."""
        from tui_chat.app.transcript.exporting import (  # noqa: PLC0415 - seldom needed
            as_json,
            as_text,
            record,
        )

        message = record(entry)

        def write(path: Path) -> Iterable[str]:
            return as_json([message]) if _is_json(path) else as_text(message)

        self._ask_where("Save the message", "message", entry.created, write)

    async def action_save_conversation(self, name: str = "") -> None:
        """Save the whole conversation: under a name, or under one that is asked for."""
        from tui_chat.app.transcript.exporting import (  # noqa: PLC0415 - seldom needed
            as_json,
            as_markdown,
            record,
        )

        entries = () if self.transcript is None else self.transcript.entries
        if not entries:
            self._tell("There is nothing to save yet.")
            return
        messages: list[Record] = []

        def write(path: Path) -> Iterable[str]:
            return as_json(messages) if _is_json(path) else as_markdown(messages)

        def collect(path: Path) -> Iterable[str]:
            messages[:] = map(record, entries)  # as it is now, not when the name was asked for
            return write(path)

        if not name:
            self._ask_where("Save the conversation", "conversation", entries[0].created, collect)
            return
        try:
            await self._writer(collect)(name)
        except TuiChatError as error:
            self.notice.show(str(error))

    def _ask_where(self, title: str, stem: str, at: float, write: Write) -> None:
        from tui_chat.app.saving import folder_to_save_in, suggested_name  # noqa: PLC0415
        from tui_chat.app.screens.save import SaveScreen  # noqa: PLC0415 - seldom needed

        name = suggested_name(stem, at, ".md")
        screen = SaveScreen(title, name, folder_to_save_in(), self._writer(write), JSON_HINT)
        self.app.push_screen(screen)

    def _writer(self, write: Write) -> Callable[[str], Awaitable[None]]:
        """Return what writes a file of a given name, in a thread, and says where it is."""
        from tui_chat.app.saving import (  # noqa: PLC0415 - seldom needed
            checked_path,
            folder_to_save_in,
            write_new,
        )

        async def save(name: str) -> None:
            path = checked_path(name, folder_to_save_in())
            parts = write(path)
            size = await call_in_daemon_thread(lambda: write_new(path, parts), name="save")
            where = one_line(str(path), 300)
            self.app.notify(f"Saved to {where} ({size:,} bytes)", timeout=6, markup=False)

        return save


_BROKEN: Final = ("interrupted", "failed", "stopped")
_TITLES: Final = {
    "user": "Your message",
    "assistant": "Reply",
    "reasoning": "Reasoning",
    "tool": "Tool call",
    "system": "Notice",
    "error": "Error",
}


def _is_json(path: Path) -> bool:
    return path.suffix.lower() == ".json"
