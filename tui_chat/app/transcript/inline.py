"""Markdown within a paragraph: emphasis, code, links."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tui_chat.app.transcript.lines import Link, Span, safe

if TYPE_CHECKING:
    from markdown_it.token import Token

__all__ = ["Flow", "FlowLine"]


class FlowLine(NamedTuple):
    """A line of text: what looks different in it, and what leads somewhere."""

    text: str
    spans: tuple[Span, ...]
    links: tuple[Link, ...]


class Flow:
    """Inline tokens become text with spans, one for each line."""

    def __init__(self) -> None:
        self._text: list[str] = []
        self._length = 0
        self._spans: list[Span] = []
        self._styles: list[str] = []
        self._links: list[tuple[str, int]] = []
        self._found: list[Link] = []
        self._done: list[FlowLine] = []

    def read(self, tokens: list[Token]) -> list[FlowLine]:
        """Return the lines: one, and another for each hard break."""
        for token in tokens:
            self._token(token)
        self._end_line()
        return self._done

    def _token(self, token: Token) -> None:
        match token.type:
            case "softbreak":
                self._add(" ")
            case "hardbreak":
                self._end_line()
            case "code_inline":
                self._add(token.content, "code-inline")
            case "strong_open" | "em_open" | "s_open":
                self._styles.append("strike" if token.type == "s_open" else token.type[:-5])
            case "strong_close" | "em_close" | "s_close":
                if self._styles:
                    self._styles.pop()
            case "link_open":
                self._links.append((str(token.attrGet("href") or ""), self._length))
                self._styles.append("link")
            case "link_close":
                self._end_link()
            case "image":
                self._add("▣ ", "link-target")
                start, source = self._length, str(token.attrGet("src") or "")
                self._add(token.content or "image", "link")
                self._target(source)
                self._lead(start, source)
            case _:
                self._add(token.content)

    def _end_link(self) -> None:
        if self._styles:
            self._styles.pop()
        if not self._links:
            return
        href, start = self._links.pop()
        shown = "".join(self._text)[start:] if start <= self._length else ""
        if safe(href) not in (shown, f"mailto:{shown}", f"{shown}/"):
            self._target(href)
        self._lead(start, href)

    def _lead(self, start: int, href: str) -> None:
        """Note that what stands from ``start`` on leads somewhere."""
        if href and start < self._length:
            self._found.append(Link(start, self._length, safe(href)))

    def _target(self, href: str) -> None:
        """Show where a link really goes."""
        if href:
            self._add(f" ({href})", "link-target")

    def _add(self, text: str, style: str = "") -> None:
        text = safe(text)
        if not text:
            return
        names = " ".join((*self._styles, style) if style else self._styles)
        if names:
            self._spans.append(Span(self._length, self._length + len(text), names))
        self._text.append(text)
        self._length += len(text)

    def _end_line(self) -> None:
        text = "".join(self._text)
        for href, start in self._links:  # the rest of these links follows on the next line
            self._lead(start, href)
        self._done.append(FlowLine(text, tuple(self._spans), tuple(sorted(self._found))))
        self._text, self._length, self._spans, self._found = [], 0, [], []
        self._links = [(href, 0) for href, _ in self._links]
