"""Selecting text in the transcript with the keyboard: a caret that Shift and the arrows move."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar, Final

from textual import events
from textual.message import Message as TextualMessage
from textual.strip import Strip

from tui_chat.app.commands import Scope
from tui_chat.app.keymap import Actions
from tui_chat.app.transcript.column import Anchor, Spot
from tui_chat.app.transcript.lines import LineKind
from tui_chat.app.transcript.places import restyle, text_at
from tui_chat.app.transcript.pointing import Pointing
from tui_chat.app.transcript.rows import Row
from tui_chat.app.transcript.steps import bring_into_view, next_place, place_of, row_of

__all__ = ["Selecting"]

_BACK: Final = frozenset({"left", "up", "page_up", "word_left", "line_start"})


class Selecting(Pointing):
    """A transcript in which text is selected with the mouse and, when it has the focus, with keys.

    Shift and an arrow bring out the caret; from then on it moves as in any editor, until Esc.
    """

    ACTIONS: ClassVar[Mapping[str, str]] = Actions(Scope.SELECTING)
    """The actions of the keys, looked at before the screen gives letters to the prompt."""

    class CopyWanted(TextualMessage, namespace="transcript"):
        """The user wants the selection copied.

        Attributes:
            parts: the text, piece by piece.
        """

        def __init__(self, parts: Iterator[str]) -> None:
            super().__init__()
            self.parts = parts

    _caret = False
    _goal: int | None = None
    """The column that the caret returns to where the rows are long enough."""

    def clear_selection(self) -> None:
        """Select nothing, and take the caret away."""
        super().clear_selection()
        self._goal = None
        self._hide_caret()

    def overlay(self, row: Row, y: int, strip: Strip) -> Strip:
        """Show the caret on top of everything."""
        strip = super().overlay(row, y, strip)
        if not self._caret or self._point is None:
            return strip
        spot = self._column.spot(y)
        if (
            spot is None
            or self._point[:3] != (spot.entry, spot.piece, row.index)
            or row_of(self._column, self._point) != y
        ):
            return strip
        return restyle(strip, [self._caret_cell(row)], self._own("caret"))

    def _caret_cell(self, row: Row) -> tuple[int, int]:
        """Return the columns of the character at the caret, or of the blank after the last."""
        text = row.line.text
        at = 0 if self._point is None else self._point.character
        cells = self._cells(row, at, next_place(text, at, 1)) if at < len(text) else []
        first = self._caret_column(row) + self._margin
        return cells[0] if cells else (first, first + 1)

    def _caret_column(self, row: Row) -> int:
        at = 0 if self._point is None else self._point.character
        return place_of(row, self._column.width, at)

    def _hide_caret(self) -> None:
        if self._caret:
            self._caret = False
            self.refresh()

    def on_mouse_down(self, event: events.MouseDown) -> None:  # noqa: ARG002 - as in the base
        """The mouse goes on, without a caret."""
        self._hide_caret()

    def on_blur(self) -> None:
        """Nothing moves the caret any more."""
        self._hide_caret()

    # -- keys -------------------------------------------------------------------------------------

    async def on_key(self, event: events.Key) -> None:
        """Do what the registry says for a key, if it has something to do here now."""
        action = self.ACTIONS.get(event.key)
        if action is not None and self._may(action):
            event.prevent_default()
            event.stop()
            await self.run_action(action)

    def _may(self, action: str) -> bool:
        name = action.partition("(")[0]
        if name == "move_caret":
            return self._caret
        if name in ("select_to", "select_everything"):
            return bool(self._column.entries)
        if name == "copy_selection":
            return self.selected is not None
        return self._caret or self.selected is not None

    def action_select_to(self, where: str) -> None:
        """Move the caret and select what it passes."""
        if self._bring_caret(backwards=where in _BACK):
            self._go(where, keep=True)

    def action_move_caret(self, where: str) -> None:
        """Move the caret; nothing is selected then."""
        if self._bring_caret(backwards=False):
            self._go(where, keep=False)

    def action_select_everything(self) -> None:
        """Select the whole conversation."""
        self.select_all()

    def action_copy_selection(self) -> None:
        """Have what is selected copied."""
        if self.selected is not None:
            self.post_message(self.CopyWanted(self.selection()))
            self.clear_selection()

    def action_clear_selection(self) -> None:
        """Select nothing."""
        self.clear_selection()

    def show_caret(self) -> None:
        """Begin to select with keys: the caret comes out where the reader is."""
        self.focus()
        if self._bring_caret(backwards=True):
            self.refresh()

    def _bring_caret(self, *, backwards: bool) -> bool:
        """Show the caret: where the selection ends, else at the first or last text in view."""
        if self._point is None or self._point.entry >= len(self._column.entries):
            place = self._origin(backwards=backwards)
            if place is None:
                return False
            self._fixed = self._point = place
            self._goal = None
        self._caret = True
        return True

    def _origin(self, *, backwards: bool) -> Anchor | None:
        entry = super().current
        spots = [
            spot
            for y in range(self._view.height)
            if (spot := self._column.spot(y)) is not None and spot.row.line.text
        ]
        if entry is not None:
            of_entry = [s for s in spots if self._column.entries[s.entry] is entry]
            spots = of_entry or spots
            backwards = False
        if not spots:
            return None
        spot = spots[-1 if backwards else 0]
        row = spot.row
        at = (
            max((row.end if row.parts is None else len(row.line.text)), 0)
            if backwards
            else row.start
        )
        return Anchor(spot.entry, spot.piece, row.index, at)

    def _go(self, where: str, *, keep: bool) -> None:
        """Move the point; the fixed end stays or comes along."""
        if self._point is None:
            return
        if where in ("start", "end"):
            point = self._outermost(where)
        else:
            point = self._moved(self._point, where)
        if point is None:
            return
        if where not in ("up", "down", "page_up", "page_down"):
            self._goal = None
        self._point = point
        if not keep:
            self._fixed = point
        if row_of(self._column, point) is None:
            self._bring_into_view(point)
        self.refresh()

    def _outermost(self, where: str) -> Anchor | None:
        """Go to one end of the conversation and return its first or last place."""
        if where == "start":
            self.scroll_home()
        else:
            self.scroll_end()
        found = [s for y in range(self._view.height) if (s := self._column.spot(y)) is not None]
        if not found:
            return None
        spot = found[0 if where == "start" else -1]
        at = 0 if where == "start" else len(spot.row.line.text)
        return Anchor(spot.entry, spot.piece, spot.row.index, at)

    def _moved(self, point: Anchor, where: str) -> Anchor | None:
        y = row_of(self._column, point)
        if y is None:
            self._bring_into_view(point)
            y = row_of(self._column, point)
            if y is None:
                return None
        spot = self._column.spot(y)
        if spot is None:
            return None
        text = spot.row.line.text
        at = min(point.character, len(text))
        step = -1 if where in _BACK else 1
        match where:
            case "line_start" | "line_end":
                return point._replace(character=0 if step < 0 else len(text))
            case "left" | "right" | "word_left" | "word_right":
                if at == (0 if step < 0 else len(text)):
                    return self._by_rows(spot, y, step, at_end=step < 0)
                words = where.startswith("word")
                return point._replace(character=next_place(text, at, step, words=words))
            case "up" | "down":
                return self._by_rows(spot, y, step)
            case _:
                return self._by_rows(spot, y, step * max(self._view.height - 2, 1))

    def _by_rows(
        self, spot: Spot, y: int, rows: int, *, at_end: bool | None = None
    ) -> Anchor | None:
        """Return the place some rows further, in the same column or at an end of the line."""
        if self._goal is None:
            self._goal = self._caret_column(spot.row)
        column, height = self._column, self._view.height
        y += rows
        if not 0 <= y < height:
            beyond = y if y < 0 else y - height + 1
            top = min(max(column.top + beyond, 0), column.end)
            column.scroll(top)
            self._place()
            y = 0 if beyond < 0 else height - 1
        while y > 0 and column.spot(y) is None:
            y -= 1
        found = column.spot(y)
        if found is None:
            return None
        row = found.row
        if at_end is not None:
            same = row.line is spot.row.line and (found.entry, found.piece) == (
                spot.entry,
                spot.piece,
            )
            if same:  # nothing before or after it
                return self._point
            at = len(row.line.text) if at_end else 0
        elif row.line.kind in (LineKind.RULE, LineKind.TABLE_RULE):
            at = 0
        else:
            at, _ = text_at(row, column.width, self._goal)
        return Anchor(found.entry, found.piece, row.index, at)

    def _bring_into_view(self, point: Anchor) -> None:
        bring_into_view(self._column, point)
        self._place()
