"""Ctrl+L: the conversations with this server, and words looked for in all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from textual.content import Content
from textual.timer import Timer

from tui_chat.app.bindings import key_of
from tui_chat.app.screens.filtered_list import FilteredList
from tui_chat.app.settings import Wish
from tui_chat.app.wording import age, open_in, plural
from tui_chat.clock import Clock
from tui_chat.text import one_line

if TYPE_CHECKING:
    from tui_chat.app.conversation_side import ConversationSide
    from tui_chat.app.glyphs import Glyphs
    from tui_chat.app.messages import ConversationsListed
    from tui_chat.storage import ConversationSummary, SearchHit

__all__ = ["ConversationsScreen"]

PAUSE: Final = 0.15
"""Seconds without a key after which words are looked for on the disk."""
NAMELESS: Final = "Nothing said yet"

Place = tuple[str, int | None]
"""A conversation, and a message in it."""


class ConversationsScreen(FilteredList):
    """Without words, the conversations; with words, the messages that hold them.

    Args:
        application: asked for what is kept, and told what to open.
        clock: what ages go by.
        glyphs: the symbols in use.
        words: what is looked for at first.
    """

    def __init__(
        self, application: ConversationSide, clock: Clock, glyphs: Glyphs, words: str = ""
    ) -> None:
        new = f"{key_of('new')} begins a new one"
        super().__init__(
            "Conversations",
            words,
            placeholder="Words to look for in all of them",
            keys=f"Enter opens it, Up and Down choose, {new}",
            screen_id="conversations",
        )
        self._application = application
        self._clock = clock
        self._dot = f" {glyphs.dot} "
        self._places: list[Place] = []
        self._current = ""
        self._titles: dict[str, ConversationSummary] = {}
        self._soon: Timer | None = None
        self._shown: str | None = None  # the words that the list is the answer to
        self._entered_early = False

    def narrow(self, text: str) -> None:
        """Look for what is typed, when it is typed."""
        if self._soon is not None:
            self._soon.stop()
            self._soon = None
        words = one_line(text)
        if not self.list.option_count:
            self.show_list((), "Looking...")
        if words and self._titles:
            self._soon = self.set_timer(PAUSE, lambda: self._ask(words))
        else:
            self._ask(words)

    def _ask(self, words: str) -> None:
        if not self._application.ask_conversations(words):
            self.show_list((), "The client is not running, so nothing can be read.")

    def show(self, found: ConversationsListed) -> None:
        """Show what was found, if it is what is looked for by now."""
        words = one_line(self.filter.value)
        if found.words != words:
            return
        self._current = found.current
        self._titles = {each.id: each for each in found.conversations}
        if found.problem:
            self._places = []
            self.show_list((), found.problem)
        elif words:
            self._show_hits(found.hits, words)
        else:
            self._places = [(each.id, None) for each in found.conversations]
            lines = [self._line(each) for each in found.conversations]
            self.show_list(lines, "Nothing is kept in this session.", chosen=1)
        self._shown = words
        early, self._entered_early = self._entered_early, False
        if early and self.list.highlighted is not None:
            self.take(self.list.highlighted)

    def _show_hits(self, hits: Sequence[SearchHit], words: str) -> None:
        self._places = [(hit.conversation_id, hit.message_id) for hit in hits]
        self.show_list(
            [self._hit_line(hit, words) for hit in hits], "No message holds these words."
        )

    def _line(self, each: ConversationSummary) -> Content:
        facts = [self._age(each.updated), plural(each.messages, "message")]
        if unsent := sum(each.unsent.values()):
            facts.append(f"{unsent:,} unsent")
        if each.draft:
            facts.append("a draft")
        if where := self._where(each):
            facts.append(where)
        return self._entry(Content(one_line(each.title, 200) or NAMELESS), facts)

    def _hit_line(self, hit: SearchHit, words: str) -> Content:
        line = Content(hit.excerpt)
        exact = words != words.lower()
        plain = line.plain if exact else line.plain.lower()
        at = plain.find(words if exact else words.lower())
        if at >= 0 and len(plain) == len(line.plain):
            line = line.stylize("bold underline $text-primary", at, at + len(words))
        facts = [self._age(hit.created)]
        summary = self._titles.get(hit.conversation_id)
        if summary is not None:
            facts.append(self._where(summary) or one_line(summary.title, 60) or NAMELESS)
        return self._entry(line, facts)

    def _entry(self, line: Content, facts: Sequence[str]) -> Content:
        return Content("\n").join([line, Content.styled("  " + self._dot.join(facts), "$muted")])

    def _age(self, at: float) -> str:
        spent = age(self._clock.wall() - at)
        return "just now" if spent == "now" else f"{spent} ago"

    def _where(self, each: ConversationSummary) -> str:
        if each.id == self._current:
            return "this one"
        return "" if each.open_in is None else open_in(each.open_in)

    def take(self, at: int) -> None:
        """Open the chosen conversation, or show the chosen message."""
        if self._shown != one_line(self.filter.value):
            self._entered_early = True  # the list is not yet that of what is typed
            return
        conversation, message = self._places[at]
        place = None if message is None else (message, one_line(self.filter.value))
        if conversation == self._current:
            self.dismiss()
            if place is not None:
                self._application.show_place(*place)
            return
        summary = self._titles.get(conversation)
        if summary is not None and summary.open_in is not None:
            where = open_in(summary.open_in)
            self.notify(
                f"It is {where}; it can be opened here when that one has ended.", markup=False
            )
            return
        self._application.open_conversation(Wish(wanted=conversation), place)
