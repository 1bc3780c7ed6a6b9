"""Markdown becomes logical lines.

markdown-it-py, CommonMark with tables and strikethrough. Raw HTML is text: nothing that is in the
source is hidden by it, and no tag does anything.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app.transcript.highlight import CodeBlock, language
from tui_chat.app.transcript.inline import Flow
from tui_chat.app.transcript.lines import CELL_GAP, Cell, Line, LineKind, Link, Prefix, Span, safe
from tui_chat.app.transcript.table import MAX_COLUMNS, Align, Table
from tui_chat.text import one_line

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

__all__ = ["code_label", "code_lines", "parse", "read_fences", "read_references", "table_rows"]

_NESTING: Final = 40
"""Levels of nesting (a list counts two) that are shown as such; bounds the recursion."""
_BULLETS: Final = ("• ", "◦ ", "▪ ")
_QUOTE: Final = (("▎ ", "quote-bar"),)
_CODE_TOP: Final = (("╭ ", "code code-bar"),)
_CODE: Final = (("│ ", "code code-bar"),)
_CODE_REST: Final = (("┊ ", "code code-bar"),)


@lru_cache(maxsize=1)
def _parser() -> MarkdownIt:
    # Imported with the first message that needs it, which is after the first screen.
    from markdown_it import MarkdownIt  # noqa: PLC0415

    options = {"html": False, "maxNesting": _NESTING}
    return MarkdownIt("commonmark", options).enable(["table", "strikethrough"])


def read_references(definitions: list[str]) -> dict[str, Any]:
    """Return the link definitions in ``definitions``, in the parser's own form."""
    env: dict[str, Any] = {}
    _parser().parse("\n\n".join(definitions), env)
    references: dict[str, Any] = env.get("references", {})
    return references


def read_fences(source: str) -> list[tuple[str, str]]:
    """Return info string and text of each block of code in ``source``, tabs kept."""
    if "```" not in source and "~~~" not in source and "    " not in source:
        return []
    return [
        (token.info, token.content.removesuffix("\n"))
        for token in _parser().parse(source)
        if token.type in ("fence", "code_block")
    ]


def parse(
    source: str,
    references: dict[str, Any] | None = None,
    *,
    start: int | None = None,
    indent: int = 0,
) -> list[Line]:
    """Return the logical lines of some top-level blocks, blank ones between blocks included.

    Args:
        source: clean text.
        references: link definitions from elsewhere in the message.
        start: the number of the first item, if the source goes on with an ordered list.
        indent: columns by which everything stands in.
    """
    env = {"references": dict(references)} if references else {}
    tokens = _parser().parse(source, env)
    if any(token.level >= _NESTING - 1 for token in tokens):
        # The parser drops what is nested deeper, and nothing may be hidden.
        return [Line(safe(text)) for text in source.split("\n")]
    builder = _Builder(start, indent)
    builder.blocks(tokens)
    return builder.lines


def table_rows(source: str, table: Table, references: dict[str, Any] | None = None) -> list[Line]:
    """Return the rows of a table's continuation; its head, repeated for the parser, is dropped."""
    lines = parse(source, references)
    rows = [line for line in lines if line.kind is LineKind.TABLE_ROW][1:]
    for row in rows:
        row.table = table
    # Whatever followed the table in the same piece.
    last = max((at for at, line in enumerate(lines) if line.table is not None), default=-1)
    return [*rows, *lines[last + 1 :]]


# -- code -----------------------------------------------------------------------------------------


def code_label(info: str, prefix: Prefix = ()) -> Line:
    """Return the line above a block of code."""
    name = one_line(language(info), 30) or "code"
    return Line(
        name,
        (Span(0, len(name), "code-label"),),
        first=prefix + _CODE_TOP,
        rest=prefix + _CODE_TOP,
        kind=LineKind.CUT,
        fill="code",
    )


def code_lines(block: CodeBlock, lines: list[str], prefix: Prefix = ()) -> list[Line]:
    """Return the lines of a block of code, highlighted later, when they are painted."""
    return [
        Line(
            text,
            first=prefix + _CODE,
            rest=prefix + _CODE_REST,
            kind=LineKind.CODE,
            fill="code",
            code=block,
            number=number,
        )
        for number, text in enumerate(lines)
    ]


# -- blocks ---------------------------------------------------------------------------------------


class _Container:
    """A quote or list item that the lines stand in."""

    __slots__ = ("first", "rest")

    def __init__(self, first: Prefix, rest: Prefix) -> None:
        self.first = first
        self.rest = rest


class _Builder:
    def __init__(self, start: int | None, indent: int) -> None:
        self.lines: list[Line] = []
        self._start = start
        self._containers: list[_Container] = []
        if indent:
            blank = ((" " * min(indent, 12), ""),)
            self._containers.append(_Container(blank, blank))
        self._lists: list[_List] = []
        self._gap = False  # whether a blank line belongs before the next block
        self._heading = ""

    def blocks(self, tokens: list[Token]) -> None:
        """Read the tokens of whole blocks."""
        index = 0
        while index < len(tokens):
            token = tokens[index]
            if token.type == "table_open":
                index = self._table(tokens, index)
            elif token.type in ("bullet_list_open", "ordered_list_open"):
                self._list(token, tight=_is_tight(tokens, index))
            elif token.nesting:
                self._container(token)
            else:
                self._leaf(token)
            index += 1

    def _container(self, token: Token) -> None:
        match token.type:
            case "heading_open":
                self._heading = token.tag
            case "heading_close":
                self._heading = ""
                self._gap = not self._tight
            case "paragraph_close":
                self._gap = not token.hidden
            case "bullet_list_close" | "ordered_list_close":
                self._lists.pop()
                self._gap = not self._tight
            case "list_item_open":
                self._item(token)
            case "blockquote_open":
                self._space()
                self._containers.append(_Container(_QUOTE, _QUOTE))
            case "list_item_close" | "blockquote_close":
                self._leave()
            case _:
                pass

    def _leaf(self, token: Token) -> None:
        match token.type:
            case "inline":
                self._inline(token)
            case "fence" | "code_block":
                self._code(token)
            case "hr":
                self._emit(Line(kind=LineKind.RULE, base="rule"))
                self._gap = not self._tight
            case _:
                pass

    @property
    def _tight(self) -> bool:
        return bool(self._lists) and self._lists[-1].tight

    def _leave(self) -> None:
        container = self._containers[-1]
        if container.first is not container.rest:
            self._emit(Line())  # an item without content still shows its bullet
        self._containers.pop()
        self._gap = not self._tight

    def _list(self, token: Token, *, tight: bool) -> None:
        number = None
        if token.type == "ordered_list_open":
            number = int(token.attrGet("start") or 0) if "start" in token.attrs else 1
            if self._start is not None and not self._lists:
                number = self._start
        self._start = None
        self._lists.append(_List(number, tight=tight))

    def _item(self, token: Token) -> None:
        if not self._lists:
            return
        current = self._lists[-1]
        if current.number is None:
            depth = sum(each.number is None for each in self._lists) - 1
            marker = _BULLETS[min(depth, len(_BULLETS) - 1)]
        else:
            marker = f"{current.number}{token.markup or '.'} "
            current.number += 1
        self._space()
        first = ((marker, "bullet"),)
        self._containers.append(_Container(first, ((" " * len(marker), ""),)))

    def _space(self) -> None:
        """Put a blank line here if one is due."""
        if self._gap and self.lines:
            prefix = self._prefix(rest=True)
            self.lines.append(Line(first=prefix, rest=prefix))
        self._gap = False

    def _prefix(self, *, rest: bool) -> Prefix:
        parts: list[tuple[str, str]] = []
        for container in self._containers:
            parts.extend(container.rest if rest else container.first)
        return tuple(parts)

    def _emit(self, line: Line) -> None:
        self._space()
        line.first = self._prefix(rest=False) + line.first
        line.rest = self._prefix(rest=True) + line.rest
        for container in self._containers:
            container.first = container.rest
        if any(part is _QUOTE for part in (each.rest for each in self._containers)):
            line.base = f"quote {line.base}".strip()
        self.lines.append(line)

    def _code(self, token: Token) -> None:
        lines = [safe(text) for text in token.content.removesuffix("\n").split("\n")]
        if token.type == "fence":
            self._emit(code_label(token.info))
        for line in code_lines(CodeBlock(lines, token.info), lines):
            self._emit(line)
        self._gap = not self._tight

    def _table(self, tokens: list[Token], index: int) -> int:
        aligns: list[Align] = []
        rows: list[list[Cell]] = []
        while tokens[index].type != "table_close":
            token = tokens[index]
            if token.type == "tr_open":
                rows.append([])
            elif token.type in ("th_open", "td_open") and len(rows[-1]) < MAX_COLUMNS:
                if token.type == "th_open":
                    aligns.append(_align(token))
                rows[-1].append(_cell(tokens[index + 1]))
            index += 1
        table = Table(aligns, rows)
        for number, row in enumerate(rows):
            line = Line(kind=LineKind.TABLE_ROW, table=table, cells=tuple(row), number=number)
            line.text = CELL_GAP.join(cell.text for cell in row)
            line.links = _cell_links(row)
            self._emit(line)
            if not number:
                self._emit(Line(kind=LineKind.TABLE_RULE, table=table, base="table-line"))
        self._gap = not self._tight
        return index

    # -- text -------------------------------------------------------------------------------------

    def _inline(self, token: Token) -> None:
        base = f"heading {self._heading}" if self._heading else ""
        children = token.children or []
        if self._containers and self._lists and self._is_first():
            children = self._task(children)
        for text, spans, links in Flow().read(children):
            self._emit(Line(text, spans, base=base, links=links))

    def _is_first(self) -> bool:
        container = self._containers[-1]
        return container.first is not container.rest

    def _task(self, children: list[Token]) -> list[Token]:
        """Turn ``[ ]`` and ``[x]`` at the beginning of an item into a box."""
        if not children or children[0].type != "text":
            return children
        content = children[0].content
        if content[:4].lower() not in ("[ ] ", "[x] "):
            return children
        done = content[1] != " "
        box = "☑ " if done else "☐ "
        container = self._containers[-1]
        numbered = bool(self._lists and self._lists[-1].number is not None)
        marker = container.first if numbered else ()
        container.first = (*marker, (box, "task-done" if done else "bullet"))
        container.rest = ((" " * sum(len(text) for text, _ in container.first), ""),)
        first = children[0].copy(content=content[4:])
        return [first, *children[1:]]


class _List:
    """A list: the number of its next item (None for bullets) and whether items stand close."""

    __slots__ = ("number", "tight")

    def __init__(self, number: int | None, *, tight: bool) -> None:
        self.number = number
        self.tight = tight


def _is_tight(tokens: list[Token], index: int) -> bool:
    """Whether the list that opens at ``index`` is tight: its own paragraphs are hidden then."""
    level = tokens[index].level
    for token in tokens[index + 1 :]:
        if token.level == level and token.nesting < 0:
            break
        if token.type == "paragraph_open" and token.level == level + 2 and not token.hidden:
            return False
    return True


def _align(token: Token) -> Align:
    style = str(token.attrGet("style") or "")
    if "right" in style:
        return "right"
    return "center" if "center" in style else "left"


def _cell_links(row: list[Cell]) -> tuple[Link, ...]:
    """Return the links of all cells, where they are in the text of the whole row."""
    links: list[Link] = []
    start = 0
    for cell in row:
        links += (Link(start + each.start, start + each.end, each.target) for each in cell.links)
        start += len(cell.text) + len(CELL_GAP)
    return tuple(links)


def _cell(token: Token) -> Cell:
    parts = Flow().read(token.children or [])
    # A cell is one line; hard breaks cannot be written in one.
    return Cell(*parts[0]) if parts else Cell("", ())
