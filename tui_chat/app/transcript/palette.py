"""Names of styles become styles, through component classes that the stylesheet gives colours."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.style import Style

if TYPE_CHECKING:
    from textual.widget import Widget

__all__ = ["COMPONENT_CLASSES", "Palette"]

_PREFIX: Final = "transcript--"
_NAMES: Final = (
    "assistant",
    "bullet",
    "caret",
    "code",
    "code-bar",
    "code-comment",
    "code-deleted",
    "code-inline",
    "code-inserted",
    "code-keyword",
    "code-label",
    "code-name",
    "code-number",
    "code-string",
    "cursor",
    "cursor-bar",
    "em",
    "error",
    "error-mark",
    "h1",
    "h2",
    "heading",
    "hint",
    "link",
    "link-hover",
    "link-target",
    "match",
    "match-here",
    "muted",
    "quote",
    "quote-bar",
    "reasoning",
    "rule",
    "running",
    "selection",
    "strike",
    "strong",
    "success",
    "system",
    "system-mark",
    "table-head",
    "table-line",
    "task-done",
    "tool",
    "user",
    "user-bar",
    "user-name",
    "warning",
)
COMPONENT_CLASSES: Final = frozenset(_PREFIX + name for name in _NAMES)


class Palette:
    """The styles in use, combined on demand.

    Two palettes are equal when they look the same.
    """

    __slots__ = ("_base", "_combined", "_styles")

    _known: ClassVar[frozenset[str]] = frozenset(_NAMES)

    def __init__(self, base: Style, styles: dict[str, Style]) -> None:
        self._base = base
        self._styles = styles
        self._combined: dict[str, Style] = {}

    @classmethod
    def of(cls, widget: Widget) -> Palette:
        """Read the styles of a widget with these component classes."""
        return cls(widget.rich_style, {name: _component(widget, name) for name in _NAMES})

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Palette):
            return NotImplemented
        return self._base == other._base and self._styles == other._styles

    __hash__ = None  # type: ignore[assignment]  # styles change

    def own(self, name: str) -> Style:
        """Return what one name says by itself, to be laid over something else."""
        return self._styles[name]

    def __call__(self, names: str) -> Style:
        """Return the style of ``names``, separated by blanks, later ones on top."""
        style = self._combined.get(names)
        if style is None:
            style = self._base
            for name in names.split():
                if name in self._known:
                    style += self._styles[name]
            if len(self._combined) > 2_000:
                self._combined.clear()
            self._combined[names] = style
        return style


def _component(widget: Widget, name: str) -> Style:
    """Return what a component class itself says, nothing inherited.

    Automatic colours (``$text-muted``) depend on the background, so the colour is taken from the
    complete style; the background only where the class sets one.
    """
    component = _PREFIX + name
    rules = widget.get_component_styles(component)
    complete = widget.get_component_rich_style(component)
    style = Style(
        color=complete.color if rules.has_rule("color") else None,
        bgcolor=complete.bgcolor if rules.has_rule("background") else None,
    )
    return style + rules.text_style
