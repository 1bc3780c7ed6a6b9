"""Two themes of one palette: quiet greys, one accent, and colour only where it tells something.

Text on background has a contrast of at least 7:1 in both, muted text at least 4.5:1
(WCAG 2.2, 1.4.3 and 1.4.6).
"""

from __future__ import annotations

from typing import Final

from textual.theme import Theme

__all__ = ["DARK", "LIGHT", "THEMES"]

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
THEMES: Final = (DARK, LIGHT)
