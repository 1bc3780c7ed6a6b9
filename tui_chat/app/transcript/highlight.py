"""Colours for code: Pygments, for the part that is on screen and only where the language is named.

A block is a piece of a fence (a few dozen lines). Lexing starts with the state in which the piece
before it ends, so that a comment or string that began there is still one here.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from tui_chat.app.transcript.lines import EMPTY, Span

if TYPE_CHECKING:
    from pygments.lexer import Lexer  # type: ignore[import-untyped]  # it ships no types

__all__ = ["MAX_LINE", "CodeBlock", "LexMemory", "language"]

MAX_LINE: Final = 2048
"""Longer lines stay plain: lexers are slow on them, and nobody reads minified code."""

BACK: Final = 8
"""Lines above a change that are lexed again while a block grows."""

# The short names of Pygments' token types, longest first, and the styles they get.
_STYLES: Final = (
    ("Comment.Preproc", "code-keyword"),
    ("Comment", "code-comment"),
    ("Keyword.Constant", "code-number"),
    ("Keyword", "code-keyword"),
    ("Operator.Word", "code-keyword"),
    ("Literal.String", "code-string"),
    ("Literal.Number", "code-number"),
    ("Name.Function", "code-name"),
    ("Name.Class", "code-name"),
    ("Name.Decorator", "code-name"),
    ("Name.Tag", "code-keyword"),
    ("Name.Attribute", "code-name"),
    ("Name.Builtin", "code-name"),
    ("Generic.Deleted", "code-deleted"),
    ("Generic.Inserted", "code-inserted"),
    ("Generic.Heading", "strong"),
    ("Generic.Subheading", "strong"),
)


def language(info: str) -> str:
    """Return the language that a fence's info string names, empty if none."""
    words = info.split(None, 1)
    return words[0].strip("{}.,:;").lower() if words else ""


@lru_cache(maxsize=64)
def _lexer(name: str) -> Lexer | None:
    # Pygments costs tens of milliseconds to import; a conversation without code never pays.
    from pygments.lexers import (  # type: ignore[import-untyped]  # noqa: PLC0415
        get_lexer_by_name,
    )
    from pygments.util import ClassNotFound  # type: ignore[import-untyped]  # noqa: PLC0415

    try:
        return get_lexer_by_name(name, stripnl=False, ensurenl=False)
    except ClassNotFound:
        return None


@lru_cache(maxsize=512)
def _style(token: object) -> str:
    name = str(token).removeprefix("Token.")
    return next((style for prefix, style in _STYLES if name.startswith(prefix)), "")


Stack = tuple[str, ...]
_ROOT: Final[Stack] = ("root",)


class _Lexed:
    """What lexing some lines gave.

    Attributes:
        spans: the styled parts of each line.
        states: the lexer's stack at the beginning of each line; None where a token goes across.
        end: the stack after the last line.
    """

    __slots__ = ("end", "spans", "states")

    def __init__(self) -> None:
        self.spans: list[tuple[Span, ...]] = []
        self.states: list[Stack | None] = []
        self.end: Stack = _ROOT


def _resumable(lexer: Lexer) -> bool:
    """Whether a lexer's whole state is its stack, so that it can go on from any line."""
    from pygments.lexer import RegexLexer  # noqa: PLC0415

    plain = RegexLexer.get_tokens_unprocessed
    return isinstance(lexer, RegexLexer) and type(lexer).get_tokens_unprocessed is plain


def _tokens(lexer: Any, text: str, stack: list[str]) -> Iterator[tuple[int, object, str]]:
    """Run a regex lexer from any stack, and leave in ``stack`` where it ended.

    Pygments' own loop starts from a given stack but keeps the one it ends with to itself. A
    position is yielded with each token; tokens are in order and leave nothing out.
    """
    table = lexer._tokens  # noqa: SLF001 - the compiled rules; a test watches over the name
    at, length = 0, len(text)
    while at < length:
        for matches, action, change in table[stack[-1]]:
            found = matches(text, at)
            if found is None:
                continue
            if action is not None:
                if callable(action):
                    yield from action(lexer, found)
                else:
                    yield at, action, found.group()
            at = found.end()
            if change is not None:
                _change(stack, change)
            break
        else:
            if text[at] == "\n":
                stack[:] = _ROOT
            yield at, "", text[at]
            at += 1


def _change(stack: list[str], change: object) -> None:
    """Carry out a rule's change of state."""
    if isinstance(change, tuple):
        for each in change:
            _change(stack, each)
    elif isinstance(change, int):
        del stack[max(len(stack) + change, 1) if change < 0 else len(stack) :]
    elif change == "#pop":
        del stack[max(len(stack) - 1, 1) :]
    elif change == "#push":
        stack.append(stack[-1])
    else:
        stack.append(str(change))


def _lex(lexer: Lexer, lines: list[str], stack: Stack, *, resumable: bool) -> _Lexed:
    """Lex ``lines``; raises whatever the lexer raises."""
    text = "\n".join(lines) + "\n"
    state = list(stack)
    tokens = _tokens(lexer, text, state) if resumable else lexer.get_tokens_unprocessed(text)
    lexed = _Lexed()
    states: list[Stack | None] = [None] * len(lines)
    if lines:
        states[0] = stack
    found: list[list[Span]] = [[] for _ in lines]
    row = column = 0
    for _, token, part in tokens:
        if row >= len(lines):
            break
        # The stack is that of the end of the token before: complete at the start of a line.
        if not column and row and states[row] is None:
            states[row] = tuple(state)
        style = _style(token)
        pieces = part.split("\n")
        for number, shown in enumerate(pieces):
            if number:
                row, column = row + 1, 0
            if shown and row < len(lines):
                if style:
                    found[row].append(Span(column, column + len(shown), style))
                column += len(shown)
    lexed.spans = [tuple(spans) for spans in found]
    lexed.states = states
    lexed.end = tuple(state)
    return lexed


class LexMemory:
    """What was lexed of a block that is still growing."""

    __slots__ = ("lexed", "lines")

    def __init__(self) -> None:
        self.lines: list[str] = []
        self.lexed = _Lexed()


class CodeBlock:
    """Some lines of code in one language.

    Args:
        lines: the lines as they are shown.
        info: the fence's info string.
        before: the block that this one continues.
        memory: given while the block grows: lexing goes on a few lines above what is new. A
            block that is complete is lexed as a whole, so that its colours depend on nothing else.
    """

    __slots__ = ("_before", "_end", "_info", "_lines", "_memory", "_spans")

    def __init__(
        self,
        lines: list[str],
        info: str,
        before: CodeBlock | None = None,
        memory: LexMemory | None = None,
    ) -> None:
        self._lines = lines
        self._info = info
        self._before = before
        self._memory = memory
        self._spans: list[tuple[Span, ...]] | None = None
        self._end: Stack | None = None

    def spans(self, number: int) -> tuple[Span, ...]:
        """Return the styled parts of a line; the block is lexed at the first call."""
        if self._spans is None:
            try:
                self._spans = self._highlight()
            except Exception:  # noqa: BLE001 - a broken lexer (of hundreds) costs only the colours
                self._spans = [EMPTY] * len(self._lines)
        return self._spans[number]

    def _highlight(self) -> list[tuple[Span, ...]]:
        name = language(self._info)
        lexer = _lexer(name) if name else None
        if lexer is None:
            return [EMPTY] * len(self._lines)
        lines = _shortened(self._lines)
        if not _resumable(lexer):
            before = [] if self._before is None else _shortened(self._before._lines)  # noqa: SLF001
            return _lex(lexer, before + lines, _ROOT, resumable=False).spans[len(before) :]
        start = _ROOT if self._before is None else self._before._state_after(lexer)  # noqa: SLF001
        if self._memory is None:
            return _lex(lexer, lines, start, resumable=True).spans
        return _go_on(self._memory, lexer, lines, start)

    def _state_after(self, lexer: Lexer) -> Stack:
        """Return the stack after this block, had the fence begun with it."""
        if self._end is None:
            self._end = _lex(lexer, _shortened(self._lines), _ROOT, resumable=True).end
        return self._end


def _shortened(lines: list[str]) -> list[str]:
    return [line if len(line) <= MAX_LINE else "" for line in lines]


def _go_on(
    memory: LexMemory, lexer: Lexer, lines: list[str], start: Stack
) -> list[tuple[Span, ...]]:
    """Lex what is new, from the last line start before it where the stack is known."""
    same = 0
    for old, new in zip(memory.lines, lines, strict=False):
        if old != new:
            break
        same += 1
    states = memory.lexed.states
    # What follows may change how the last lines read, a string that is closed at last, say.
    resume = max(same - BACK, 0)
    while resume and (resume >= len(states) or states[resume] is None):
        resume -= 1
    stack = (states[resume] if resume else None) or start
    lexed = _lex(lexer, lines[resume:], stack, resumable=True)
    lexed.spans = memory.lexed.spans[:resume] + lexed.spans
    lexed.states = states[:resume] + lexed.states
    memory.lines, memory.lexed = list(lines), lexed
    return lexed.spans
