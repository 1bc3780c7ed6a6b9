"""The themes: quiet greys, one accent, and colour only where it tells something.

In dark and light, text on background has a contrast of at least 7:1, muted and coloured text at
least 4.5:1; in high contrast everything that is to be read has at least 7:1 (WCAG 2.2, 1.4.3 and
1.4.6). The fourth one leaves all colours to the terminal: it uses the 16 that people can set there.
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

__all__ = ["ANSI", "DARK", "HIGH_CONTRAST", "LIGHT", "THEMES", "theme_called"]

DARK: Final = Theme(
    name="tui-chat-dark",
    primary="#5fb3a8",
    secondary="#7aa2c9",
    accent="#5fb3a8",
    foreground="#d7dbe0",
    background="#14171a",
    surface="#1b1f23",
    panel="#22272c",
    success="#7fb685",
    warning="#d9ab62",
    error="#e0787a",
    dark=True,
    variables={
        "border": "#5fb3a8",
        "border-blurred": "#3a424a",
        "muted": "#8b949e",
        "faint": "#4a535c",
        "input-selection-background": "#5fb3a8 30%",
        "input-cursor-background": "#d7dbe0",
        "input-cursor-foreground": "#14171a",
        "scrollbar": "#3a424a",
        "scrollbar-hover": "#4a535c",
        "scrollbar-active": "#5fb3a8",
        "scrollbar-background": "#14171a",
        "scrollbar-background-hover": "#14171a",
        "scrollbar-background-active": "#14171a",
        "scrollbar-corner-color": "#14171a",
    },
)
LIGHT: Final = Theme(
    name="tui-chat-light",
    primary="#1d6f66",
    secondary="#2f5f8f",
    accent="#1d6f66",
    foreground="#22272c",
    background="#fbfaf7",
    surface="#f2f0eb",
    panel="#e9e6df",
    success="#2f6b38",
    warning="#845208",
    error="#a8323a",
    dark=False,
    variables={
        "border": "#1d6f66",
        "border-blurred": "#c9c5bb",
        "muted": "#62686e",
        "faint": "#b5b1a7",
        "input-selection-background": "#1d6f66 25%",
        "input-cursor-background": "#22272c",
        "input-cursor-foreground": "#fbfaf7",
        "scrollbar": "#c9c5bb",
        "scrollbar-hover": "#b5b1a7",
        "scrollbar-active": "#1d6f66",
        "scrollbar-background": "#fbfaf7",
        "scrollbar-background-hover": "#fbfaf7",
        "scrollbar-background-active": "#fbfaf7",
        "scrollbar-corner-color": "#fbfaf7",
    },
)
HIGH_CONTRAST: Final = Theme(
    name="tui-chat-high-contrast",
    primary="#6fe7ff",
    secondary="#a8c8ff",
    accent="#6fe7ff",
    foreground="#ffffff",
    background="#000000",
    surface="#000000",
    panel="#000000",
    success="#7dff8a",
    warning="#ffd84d",
    error="#ff9c9c",
    dark=True,
    text_alpha=1.0,
    variables={
        "border": "#6fe7ff",
        "border-blurred": "#ffffff",
        "muted": "#d8d8d8",
        "faint": "#9a9a9a",
        "text-muted": "#d8d8d8",
        "text-primary": "#6fe7ff",
        "text-secondary": "#a8c8ff",
        "text-accent": "#6fe7ff",
        "text-success": "#7dff8a",
        "text-warning": "#ffd84d",
        "text-error": "#ff9c9c",
        "input-selection-background": "#0050b0",
        "input-cursor-background": "#ffffff",
        "input-cursor-foreground": "#000000",
        "scrollbar": "#ffffff",
        "scrollbar-hover": "#ffffff",
        "scrollbar-active": "#6fe7ff",
        "scrollbar-background": "#000000",
        "scrollbar-background-hover": "#000000",
        "scrollbar-background-active": "#000000",
        "scrollbar-corner-color": "#000000",
    },
)
ANSI: Final = Theme(
    name="tui-chat-ansi",
    ansi=True,
    primary="ansi_cyan",
    secondary="ansi_blue",
    accent="ansi_cyan",
    foreground="ansi_default",
    background="ansi_default",
    surface="ansi_default",
    panel="ansi_default",
    boost="ansi_default",
    success="ansi_green",
    warning="ansi_yellow",
    error="ansi_red",
    dark=True,
    variables={
        "border": "ansi_cyan",
        "ansi-background": "ansi_default",
        "ansi-foreground": "ansi_default",
        "border-blurred": "ansi_default",
        # Bright black is what most palettes hide: Solarized makes it the background.
        "muted": "ansi_default",
        "faint": "ansi_default",
        "text-muted": "ansi_default",
        "text-disabled": "ansi_default",
        "foreground-muted": "ansi_default",
        "input-selection-background": "ansi_cyan",
        "input-selection-foreground": "ansi_black",
        "input-cursor-background": "ansi_default",
        "input-cursor-foreground": "ansi_default",
        "input-cursor-text-style": "reverse",
        "block-cursor-foreground": "ansi_black",
        "block-cursor-background": "ansi_cyan",
        "scrollbar": "ansi_default",
        "scrollbar-hover": "ansi_default",
        "scrollbar-active": "ansi_cyan",
        "scrollbar-background": "ansi_default",
        "scrollbar-background-hover": "ansi_default",
        "scrollbar-background-active": "ansi_default",
        "scrollbar-corner-color": "ansi_default",
    },
)
THEMES: Final = (DARK, LIGHT, HIGH_CONTRAST, ANSI)


def theme_called(name: str, colours: str | None) -> str:
    """Return the full name of the theme that a setting means.

    Args:
        name: the name with or without ``tui-chat-``, or ``auto``.
        colours: Rich's name of what the terminal can show; ``standard`` is 16 colours, of which
            the nearest to ours would say something else than ours do.
    """
    if name == "auto":
        return ANSI.name if colours in {"standard", None} else DARK.name
    return name if name.startswith("tui-chat-") else f"tui-chat-{name}"
