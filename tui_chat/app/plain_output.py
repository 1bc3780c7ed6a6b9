"""Output for terminals that do not take UTF-8.

Bytes that such a terminal does not expect are not only ugly: the second byte of many characters is
one of those that 8-bit terminals take for the beginning of a control sequence.
"""

from __future__ import annotations

import codecs
from contextlib import suppress
from typing import Any, Final

from rich.cells import cell_len

__all__ = ["write_plain"]

_HANDLER: Final = "tui-chat-columns"

# What Textual itself draws, in scroll bars and frames, and what people write most.
_ALIKE: Final = str.maketrans(
    dict.fromkeys("│┃▏▎▍▌▋▊▉▐▕║┆┊", "|")
    | dict.fromkeys("─━═▔▁▂▃╌┄", "-")
    | dict.fromkeys("╭╮╰╯┌┐└┘├┤┬┴┼╋╂", "+")
    | dict.fromkeys("▄▅▆▇█▀", "#")
    | dict.fromkeys("\u2010\u2011\u2013\u2014", "-")
    | dict.fromkeys("\u2018\u2019", "'")
    | dict.fromkeys("“”„", '"')
    | dict.fromkeys("•●∙·", "*")
    | {"…": ".", "→": ">", "←": "<", "\u00a0": " "}
)


def write_plain(stream: Any) -> None:
    """Let ``stream`` replace what it cannot express, by as many columns as were meant.

    A stream that claims UTF-8 becomes one of ASCII; one of another encoding keeps what that has.
    """
    codecs.register_error(_HANDLER, _replace)
    encoding = codecs.lookup(stream.encoding).name
    with suppress(AttributeError, OSError):
        stream.reconfigure(
            encoding="ascii" if encoding.startswith("utf") else encoding, errors=_HANDLER
        )


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    text = error.object[error.start : error.end]
    shown = "".join(
        alike if (alike := c.translate(_ALIKE)).isascii() else "?" * cell_len(c) for c in text
    )
    return shown, error.end
