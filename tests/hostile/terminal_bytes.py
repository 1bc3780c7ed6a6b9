"""What a terminal received, read strictly: text, and the sequences that are known by name.

The states are those of ECMA-48 and xterm. There is no resynchronising: a byte that does not belong
where it stands is a finding, as is a sequence that is not on the list.
"""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

__all__ = ["Finding", "findings"]

_SEQUENCE: Final = re.compile(
    r"\x1b\[(?P<csi>[0-?]*[ -/]*[@-~])"
    r"|\x1b\](?P<osc>[^\x00-\x1f\x7f-\x9f]*)(?:\x07|\x1b\\)"
    r"|\x1bP(?P<dcs>[^\x00-\x1f\x7f-\x9f]*)\x1b\\"
    r"|\x1b(?P<escape>[ -/]*[0-OQ-Z\\^-~])"
)

# SGR by the parameters that styles are made of: no conceal (8), no fonts, no empty ones.
_SGR: Final = (
    r"(?:0|[1234579]|2[1-9]|3[0-79]|4[0-79]|9[0-7]|10[0-7]"
    r"|[34]8;5;\d{1,3}|[34]8;2;\d{1,3};\d{1,3};\d{1,3})"
)
_NUMBER: Final = r"(?:0|[1-9]\d{0,3})"
_CSI: Final = re.compile(
    rf"{_SGR}(?:;{_SGR})*m"  # styles
    rf"|m|{_NUMBER};{_NUMBER}H|H"  # the cursor's place
    r"|6n"  # is the terminal still reading?
    r"|\?(?:25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048|7)[hl]"  # modes
    r"|\?(?:2026|2048)\$p"  # is there such a mode?
    r"|>(?:1|25)u|<u|\?u"  # the progressive keyboard protocol
    r"|22;2t|23;2t"  # the stack of titles
)
_CONTROLS: Final = frozenset("\n\r")
# Prepended marks are seen, the joiners are needed by emoji and several scripts.
_SEEN_FORMATS: Final = frozenset(
    "\u200c\u200d\u0600\u0601\u0602\u0603\u0604\u0605\u06dd\u070f\u08e2"
)


@dataclass(frozen=True)
class Finding:
    """Something that should not have come to the terminal.

    Attributes:
        what: the characters.
        before: the text that came just before, which names the field.
    """

    what: str
    before: str

    def __str__(self) -> str:
        return f"{self.what!r} after {self.before!r}"


def _allowed_osc(body: str, *, copied: bool) -> bool:
    number, _, rest = body.partition(";")
    if number == "2":
        return rest == "" or bool(re.match(r"(?:\(\d+\) )?tui-chat", rest))
    if number == "8":
        parameters, _, target = rest.partition(";")
        if not target:
            return True
        parts = urlsplit(target)
        # Rich numbers its links; one without a number was not made by it.
        known = parameters.startswith("id=") and parts.scheme in {"http", "https"}
        return known and parts.username is None
    if number == "22":
        return rest in {"default", "pointer", "text"}  # the shape of the mouse's pointer
    return copied and number == "52" and rest.startswith("c;")


def _allowed(match: re.Match[str], *, copied: bool) -> bool:
    if match["csi"] is not None:
        return _CSI.fullmatch(match["csi"]) is not None
    if match["osc"] is not None:
        return _allowed_osc(match["osc"], copied=copied)
    return False


def _readable(character: str) -> bool:
    if character in _CONTROLS or character in _SEEN_FORMATS:
        return True
    return unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}


def findings(received: bytes, *, copied: bool = False) -> list[Finding]:
    """Return what is not on the list of what a terminal may receive.

    Args:
        received: everything, up to the end of a character.
        copied: whether the user has copied something (OSC 52).
    """
    text = received.decode("utf-8", "surrogateescape")
    found: list[Finding] = []
    shown = ""
    at = 0
    while at < len(text):
        character = text[at]
        if character == "\x1b":
            match = _SEQUENCE.match(text, at)
            if match is None or not _allowed(match, copied=copied):
                what = text[at : at + 24] if match is None else match.group()
                found.append(Finding(what, shown[-100:]))
            at = match.end() if match else at + 1
            continue
        if not _readable(character):
            found.append(Finding(character, shown[-100:]))
        shown = (shown + character)[-400:] if len(shown) > 4_000 else shown + character
        at += 1
    return found
