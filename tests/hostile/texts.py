"""Texts that a terminal, or the person in front of it, could be misled by."""

from __future__ import annotations

from typing import Final

__all__ = ["TEXTS", "group_count", "texts_of_group"]

# None of the control sequences here is one that the program sends itself, parameters included:
# whichever reaches the terminal has come from outside.
TEXTS: Final[dict[str, str]] = {
    "OSC 52": "\x1b]52;c;aG9zdGlsZQ==\x07",
    "OSC 8": "\x1b]8;;https://evil.test\x1b\\here\x1b]8;;\x1b\\",
    "OSC 0": "\x1b]0;hostile title\x07",
    "OSC 2": "\x1b]2;hostile title\x1b\\",
    "clear": "\x1b[2J\x1b[03;3H",
    "cursor report": "\x1b[06n",
    "device attributes": "\x1b[>0c",
    "conceal": "\x1b[008mhidden",
    "DCS": "\x1bP$q\x22p\x1b\\",
    "APC": "\x1b_Gi=31;AAAA\x1b\\",
    "PM": "\x1b^private\x1b\\",
    "SOS": "\x1bXstring\x1b\\",
    "reset": "\x1bc",
    "C1 CSI": "\x9b2J",
    "C1 OSC": "\x9d52;c;aG9z\x9c",
    "C1 DCS": "\x90q\x9c",
    "NEL": "a\x85b",
    "BEL": "a\x07b",
    "BS": "safe\x08\x08\x08\x08evil",
    "CR": "safe\revil",
    "VT and FF": "a\x0bb\x0cc",
    "SO and SI": "a\x0eb\x0fc",
    "DEL": "a\x7fb",
    "NUL": "a\x00b",
    "markup": "[red]a[/] [/] [@click=app.quit]b[/] [link=file:///x]c[/link]",
    "override": "\u202egnp.exe\u202c",
    "isolates": "\u2066a\u2069 \u2067b\u2069",
    "marks": "\u200ea\u200fb\u061cc",
    "zero width": "a\u200bb\ufeffc\u2060d",
    "tags": "\U000e0001\U000e0041\U000e007f",
    "other format": "a\U0001d173b\U0001bca0c\ufff9d",
    "variation selectors": "a\ufe0f\ufe0e\U000e0100b",
    "surrogate": "a\ud800b\udfff",
    "combining": "a" + "\u0301" * 60,
    "separators": "a\u2028b\u2029c",
    "private use": "a\ue000b\U000f0000c",
    "lines": "a\nb\n\nc",
    "link": "[x](javascript:alert(1)) [y](file:///etc/passwd)",
    "link with control": "[z](https://evil.test/\x1b]8;;x\x07) <https://u:p@evil.test>",
    "data link": "![i](data:text/html,x) [d](data:text/html;base64,AA==)",
    "forged mark": "✓ delivered\n● You\nconnected",
    "escape at the end": "abc\x1b",
    "C1 at the end": "abc\x9b",
}

PER_GROUP: Final = 4


def group_count() -> int:
    """Return how many groups hold all texts between them."""
    return -(-len(TEXTS) // PER_GROUP)


def texts_of_group(group: int) -> list[str]:
    """Return a few texts, so that all of them fit into a field that the program shortens."""
    return list(TEXTS.values())[group * PER_GROUP : (group + 1) * PER_GROUP]
