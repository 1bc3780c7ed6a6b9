"""Titled lists of name and value, wrapped under each other at whatever width there is."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.cells import cell_len
from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from tui_chat.app.widgets.one_line import cut

__all__ = ["Row", "Section", "Sections"]

Row = tuple[str, str | Content]
Section = tuple[str, Sequence[Row]]

INDENT = 2
GAP = 2


class Sections(Widget):
    """Shows sections; texts are taken as they are and must have been cleaned.

    Args:
        sections: what is shown first.
        name_style: how names look.
        value_style: how values look.
    """

    def __init__(
        self, sections: Iterable[Section] = (), *, name_style: str, value_style: str
    ) -> None:
        super().__init__()
        self._styles = (name_style, value_style)
        self._sections = list(sections)

    def show(self, sections: Iterable[Section]) -> None:
        """Replace what is shown."""
        self._sections = list(sections)
        self.refresh(layout=True)

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:  # noqa: ARG002
        """Return the rows needed at ``width``; they depend on how values wrap."""
        return len(self._lines(width))

    def render(self) -> Content:
        """Draw all sections."""
        return Content("\n").join(self._lines(self.content_size.width))

    def _lines(self, width: int) -> list[Content]:
        lines: list[Content] = []
        # One column for all sections where that leaves the values half the width.
        shared = max((_widest(rows) for _, rows in self._sections), default=0)
        if width - INDENT - shared - GAP < width / 2:
            shared = 0
        for title, rows in self._sections:
            if lines:
                lines.append(Content(""))
            lines.append(Content.styled(cut(title, width), "bold $text-primary"))
            lines.extend(self._rows(rows, width, shared or _widest(rows)))
        return lines

    def _rows(self, rows: Sequence[Row], width: int, column: int) -> Iterable[Content]:
        name_style, value_style = self._styles
        # Too narrow for two columns: the value goes under its name.
        beside = width - INDENT - column - GAP >= max(16, width * 2 // 5)
        indent = INDENT + column + GAP if beside else 2 * INDENT
        for name, value in rows:
            head = Content.assemble(" " * INDENT, (cut(name, width - INDENT), name_style))
            shown = Content.styled(value, value_style) if isinstance(value, str) else value
            wrapped = shown.wrap(max(width - indent, 1))
            if beside:
                pad = " " * (indent - INDENT - cell_len(name))
                head = Content.assemble(head, pad, *wrapped[:1])
                wrapped = wrapped[1:]
            yield head
            for line in wrapped:
                yield Content.assemble(" " * indent, line)


def _widest(rows: Sequence[Row]) -> int:
    return max((cell_len(name) for name, _ in rows), default=0)
