"""What the user can set, in one place: the names, the values that are allowed, and what they mean.

The settings screen, the file and the notices about errors in it are all made from the fields of
:class:`Preferences`. How to reach a server is not among them (:mod:`tui_chat.app.settings`).

A dataclass: another library's types would have to be imported before the first frame.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

from tui_chat.text import one_line

__all__ = ["KEYS", "SETTINGS", "Preferences", "Setting", "Understood", "did_you_mean", "understand"]

KEYS: Final = "keys"
"""The table of keys in the file; it has entries of its own instead of one value."""


def _setting(default: Any, title: str, help_text: str, choices: Mapping[Any, str]) -> Any:
    """Declare a field: its title, a sentence about it, and what each value is called."""
    return field(default=default, metadata={"title": title, "help": help_text, "choices": choices})


_YES_NO: Final = {True: "on", False: "off"}


@dataclass(frozen=True, slots=True)
class Preferences:
    """What the user wants it to be like. What was never set has the default.

    Attributes:
        theme: the colours, by the name without ``tui-chat-``.
        ascii: whether symbols are ASCII; ``auto`` goes by the locale.
        reduced_motion: whether nothing moves that need not move.
        plain: whether it is to be read by a screen reader.
        notify: what a reply does that ends while the terminal is not in front.
        terminal_title: whether the terminal's title says how things stand.
        keys: the keys of commands that have others than by default, by the command's id.
    """

    theme: str = _setting(
        "auto",
        "Theme",
        "The colours; by itself dark, or the 16 of the terminal if it has no more. NO_COLOR in the "
        "environment turns all of them off.",
        {
            "auto": "by itself",
            "dark": "dark",
            "light": "light",
            "high-contrast": "high contrast",
            "ansi": "16 colours",
        },
    )
    ascii: str = _setting(
        "auto",
        "ASCII symbols",
        "Plain symbols for terminals and fonts that lack the others; by itself where the locale is "
        "not UTF-8. From the next start on.",
        {"auto": "by itself", "on": "always", "off": "never"},
    )
    reduced_motion: bool = _setting(
        False,
        "Reduced motion",
        "Nothing slides, fades or spins; what runs is counted in words.",
        _YES_NO,
    )
    plain: bool = _setting(
        False,
        "Plain mode",
        "For screen readers: no frames or bars, words in place of symbols, no countdown that "
        "repaints every second. The conversation follows at the next start.",
        _YES_NO,
    )
    notify: str = _setting(
        "none",
        "Notify",
        "What happens when a reply ends while the terminal is not in front. Desktop notifications "
        "need a terminal that has them (OSC 9).",
        {
            "none": "nothing",
            "bell": "bell",
            "osc9": "desktop notification",
        },
    )
    terminal_title: bool = _setting(
        True,
        "Terminal title",
        "The connection's state and the number of unread replies, in the terminal's title.",
        _YES_NO,
    )
    keys: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: MappingProxyType({}))


class Setting(NamedTuple):
    """A field of :class:`Preferences` that has a few values to choose from.

    Attributes:
        name: as in the file.
        title: one to three words.
        help: a sentence or two.
        default: what holds when nothing is set.
        choices: what each allowed value is called.
    """

    name: str
    title: str
    help: str
    default: str | bool
    choices: Mapping[str | bool, str]

    @property
    def allowed(self) -> str:
        """The values as they are written in the file."""
        return ", ".join(_written(value) for value in self.choices)


SETTINGS: Final[tuple[Setting, ...]] = tuple(
    Setting(
        each.name,
        each.metadata["title"],
        each.metadata["help"],
        cast("str | bool", each.default),
        MappingProxyType(each.metadata["choices"]),
    )
    for each in fields(Preferences)
    if each.metadata
)
"""All but the keys, in the order of the screen."""


class Understood(NamedTuple):
    """What could be read.

    Attributes:
        preferences: what holds; the default wherever something was wrong.
        problems: a sentence for everything that was.
    """

    preferences: Preferences
    problems: tuple[str, ...] = ()


def understand(data: Mapping[str, object]) -> Understood:
    """Take preferences from what a file held. Never fails: what is wrong is left at its default.

    Args:
        data: as a TOML parser returns it; hostile as far as anybody knows.
    """
    known = {setting.name: setting for setting in SETTINGS}
    good: dict[str, Any] = {}
    problems: list[str] = []
    for name, value in data.items():
        if name == KEYS:
            good[KEYS], wrong = _keys(value)
            problems += wrong
        elif (setting := known.get(name)) is None:
            hint = did_you_mean(name, [*known, KEYS])
            problems.append(f"There is no setting '{one_line(name, 40)}'.{hint}")
        elif _allows(setting, value):
            good[name] = value
        else:
            hint = did_you_mean(value, setting.choices) if isinstance(value, str) else ""
            problems.append(
                f"'{name}' cannot be {_shown(value)}. It takes: {setting.allowed}.{hint} "
                f"It is {_written(setting.default)} for now."
            )
    return Understood(Preferences(**good), tuple(problems))


def did_you_mean(name: str, known: Any) -> str:
    """Return a question that names what may have been meant, with a blank before it, or nothing."""
    near = get_close_matches(name[:100], [each for each in known if isinstance(each, str)], 1, 0.5)
    return f" Did you mean '{near[0]}'?" if near else ""


def _allows(setting: Setting, value: object) -> bool:
    # By type as well: 1 equals True, and a list is not even hashable.
    return isinstance(value, str | bool) and any(
        value == choice and type(value) is type(choice) for choice in setting.choices
    )


def _keys(value: object) -> tuple[Mapping[str, tuple[str, ...]], list[str]]:
    if not isinstance(value, Mapping):
        return {}, [f"'{KEYS}' is a table of commands and their keys, not {_shown(value)}."]
    good: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for command, keys in value.items():
        if isinstance(keys, list) and all(isinstance(key, str) for key in keys):
            good[str(command)] = tuple(keys)
        else:
            problems.append(
                f"'{KEYS}.{one_line(str(command), 40)}' is a list of keys, such as "
                f'["ctrl+t"], not {_shown(keys)}. It keeps its own keys.'
            )
    return MappingProxyType(good), problems


def _written(value: str | bool) -> str:
    """Return a value as TOML has it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return f'"{value}"'


def _shown(value: object) -> str:
    """Return a value from outside as it may be said in a sentence."""
    match value:
        case bool():
            return _written(value)
        case str():
            return f"'{one_line(value, 40)}'"
        case int() | float():
            return one_line(str(value), 40)
        case Mapping():
            return "a table"
        case list():
            return "a list"
        case _:
            return "that"
