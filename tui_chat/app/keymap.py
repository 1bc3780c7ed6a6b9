"""Which keys the commands have: those of the registry, or those the user has given them.

There is one keyboard, so there is one keymap in a process. :func:`use_keys` changes it; whatever
shows keys asks here when it is drawn, and whatever acts on keys asks when one is pressed.
"""

from __future__ import annotations

import string
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Final, NamedTuple

from textual.keys import Keys, _character_to_key

from tui_chat.app.commands import REGISTRY, Command, Scope
from tui_chat.app.preferences import KEYS, did_you_mean
from tui_chat.text import one_line

__all__ = ["Actions", "CheckedKeys", "check_keys", "key_name", "keys_of", "use_keys"]

MOST: Final = 8
"""Keys for one command."""

_MODIFIERS: Final = frozenset({"alt", "ctrl", "hyper", "meta", "shift", "super"})
_WRITTEN: Final = {
    "esc": "escape",
    "pgup": "pageup",
    "pgdn": "pagedown",
    "del": "delete",
    "ins": "insert",
    "return": "enter",
}
"""Other names that people have for keys."""
_NAMED: Final = frozenset(
    key.value for key in Keys if "+" not in key.value and not key.value.startswith("<")
)
_PUNCTUATION: Final = frozenset(map(_character_to_key, string.punctuation))
_INDISTINCT: Final = {
    "ctrl+h": "Backspace",
    "ctrl+i": "Tab",
    "ctrl+m": "Enter",
    "ctrl+left_square_bracket": "Esc",
}
"""What most terminals send as another key; ASCII has one code for both."""

_TYPED: Final = frozenset({Scope.PROMPT, Scope.CHAT, Scope.APP, Scope.FINDING})
"""Where a letter is a letter."""
_CONVERSATION: Final = frozenset({Scope.PROMPT, Scope.CHAT, Scope.WALKING, Scope.SELECTING})
_PANELS: Final = frozenset({Scope.QUEUE, Scope.SAID, Scope.DEBUG, Scope.LINKS, Scope.SETTINGS})

_BY_ID: Final = {command.id: command for command in REGISTRY}
_in_force: Mapping[str, tuple[str, ...]] = MappingProxyType({})


def use_keys(changes: Mapping[str, tuple[str, ...]]) -> None:
    """Let commands have these keys, and all others their own again.

    Args:
        changes: what :func:`check_keys` accepted.
    """
    global _in_force  # noqa: PLW0603 - the one keymap of the process
    _in_force = MappingProxyType(dict(changes))


def keys_of(command: Command | str) -> tuple[str, ...]:
    """Return the keys that a command has now, the one to show first.

    Args:
        command: the command, or its id.
    """
    known = _BY_ID[command] if isinstance(command, str) else command
    return _in_force.get(known.id, known.keys)


class Actions(Mapping[str, str]):
    """The actions of one scope by their keys, as they are at the moment.

    Args:
        scope: where the keys work.
        ids: the commands that are meant; empty for all of that scope.
    """

    def __init__(self, scope: Scope, *ids: str) -> None:
        self._commands = tuple(c for c in REGISTRY if c.scope is scope and (not ids or c.id in ids))
        self._made_of: Mapping[str, tuple[str, ...]] | None = None
        self._actions: dict[str, str] = {}

    def _now(self) -> dict[str, str]:
        if self._made_of is not _in_force:
            self._made_of = _in_force
            self._actions = {key: c.action for c in self._commands for key in keys_of(c)}
        return self._actions

    def __getitem__(self, key: str) -> str:
        return self._now()[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._now())

    def __len__(self) -> int:
        return len(self._now())


# -- what the user wrote ---------------------------------------------------------------------------


class CheckedKeys(NamedTuple):
    """What the user's keys come to.

    Attributes:
        keys: those that can be used, by the command's id, by Textual's names.
        problems: a sentence for each command whose keys cannot.
    """

    keys: Mapping[str, tuple[str, ...]]
    problems: tuple[str, ...]


def check_keys(wanted: Mapping[str, tuple[str, ...]]) -> CheckedKeys:
    """Check the keys that the user wants. A command keeps its own where anything is wrong.

    Args:
        wanted: lists of keys by the command's id, as they were written. An empty list takes a
            command's keys away.
    """
    good: dict[str, tuple[str, ...]] = {}
    problems: list[str] = []
    for name, keys in wanted.items():
        command = _BY_ID.get(name)
        if command is None:
            hint = did_you_mean(name, _BY_ID)
            problems.append(f"'{KEYS}.{one_line(name, 40)}' names no command.{hint}")
            continue
        wrong = next((why for key in keys if (why := _why_not(key, command))), "")
        if len(keys) > MOST:
            wrong = f"more than {MOST} keys for one command are not possible."
        if wrong:
            problems.append(f"'{KEYS}.{name}': {wrong} {_stays(command)}")
        else:
            good[name] = tuple(dict.fromkeys(key for each in keys if (key := key_name(each))))
    _settle(good, problems)
    return CheckedKeys(MappingProxyType(good), tuple(problems))


def key_name(written: str) -> str | None:
    """Return Textual's name of a key that somebody wrote: ``Ctrl+PgUp`` is ``ctrl+pageup``.

    Returns:
        The name; None if there is no such key.
    """
    text = written.strip()
    if text in {"+", "-"} or len(text) == 1:
        return _character_to_key(text) if text.isprintable() and text != " " else None
    *modifiers, name = text.replace("-", "+").split("+") if len(text) < 50 else [""]
    if text.endswith(("++", "+-")):
        *modifiers, name = [*text[:-2].split("+"), text[-1]]
    modifiers = sorted({modifier.strip().lower() for modifier in modifiers})
    if not _MODIFIERS.issuperset(modifiers):
        return None
    name = name.strip()
    if len(name) == 1:
        name = _character_to_key(name.lower())
    else:
        name = _WRITTEN.get(name.lower(), name.lower())
        if name not in _NAMED and name not in _PUNCTUATION:
            return None
    return "+".join([*modifiers, name])


def _why_not(written: str, command: Command) -> str:
    """Return why a key cannot be one of a command's; empty if it can."""
    shown = one_line(written, 40)
    key = key_name(written)
    if key is None:
        hint = did_you_mean(written.lower(), sorted(_NAMED))
        return f"there is no key '{shown}'.{hint or ' Keys are written like ctrl+t, f5 or alt+x.'}"
    if key in _INDISTINCT:
        return f"terminals do not tell '{shown}' from {_INDISTINCT[key]}."
    if command.scope in _TYPED and _is_written_with(key):
        return f"'{shown}' is needed for writing."
    return ""


def _is_written_with(key: str) -> bool:
    bare = key.removeprefix("shift+")
    return len(bare) == 1 or bare in _PUNCTUATION or bare in {"space", "backspace", "delete"}


def _settle(good: dict[str, tuple[str, ...]], problems: list[str]) -> None:
    """Give commands their own keys back until no key is left that would do two things."""
    while True:
        for command in REGISTRY:
            if command.id not in good:
                continue
            clash = _clash(command, good)
            if clash is not None:
                key, other = clash
                problems.append(
                    f"'{KEYS}.{command.id}': '{key}' is the key of '{other.id}' already "
                    f"({other.help[0].lower()}{other.help[1:]}). {_stays(command)}"
                )
                del good[command.id]
                break
        else:
            return


def _clash(command: Command, good: Mapping[str, tuple[str, ...]]) -> tuple[str, Command] | None:
    mine = set(good[command.id])
    for other in REGISTRY:
        if other.id == command.id or not _meet(command.scope, other.scope):
            continue
        for key in good.get(other.id, other.keys):
            # Two that share a key by default, because only one of them has the focus, may do so.
            if key in mine and not (key in command.keys and key in other.keys):
                return key, other
    return None


def _meet(one: Scope, other: Scope) -> bool:
    """Say whether the keys of two scopes can be meant at the same time."""
    if one is other or Scope.APP in {one, other}:
        return True
    pair = {one, other}
    if pair == {Scope.FINDING, Scope.CHAT}:
        return True
    if pair <= _CONVERSATION:
        return pair not in ({Scope.PROMPT, Scope.WALKING}, {Scope.PROMPT, Scope.SELECTING})
    return Scope.OVERLAY in pair and bool(pair & _PANELS)


def _stays(command: Command) -> str:
    keys = ", ".join(command.keys)
    return f"It keeps its own: {keys}." if keys else "It has none for now."
