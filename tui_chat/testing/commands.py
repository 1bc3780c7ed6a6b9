"""What can be typed while the fault proxy runs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from typing import Any, Final, cast, get_args

from tui_chat.errors import ConfigurationError
from tui_chat.testing.faultproxy import FaultProxy
from tui_chat.testing.faults import Direction, Ending, Faults, Mode, SlowStart, TlsMode
from tui_chat.text import one_line

__all__ = ["HELP", "directed", "obey", "status"]

HELP: Final = (
    "latency S | jitter S | bandwidth BYTES_A_SECOND|off | cut BYTES|off [close|reset], each with "
    "up or down for one direction only; relay | black-hole | accept-close | accept-reset; "
    "slow-start DELAY [COUNT [INTERVAL]]|off; tls KIND|off; half-open | resume | reset | refuse | "
    "accept; off (all is well again); status; quit"
)

_MODES: Final = frozenset(get_args(Mode))


async def obey(proxy: FaultProxy, line: str) -> str:
    """Do what a line says.

    Returns:
        A line to show; empty for an empty line.

    Raises:
        ConfigurationError: if it cannot be understood; nothing was changed then.
    """
    words = line.replace("-", "_").split()
    if not words:
        return ""
    name, *rest = words
    if name in ("half_open", "resume", "reset", "refuse", "accept", "off", "status", "help"):
        if rest:
            raise ConfigurationError(f"{name.replace('_', '-')} takes nothing after it.")
        return await _act(proxy, name)
    proxy.faults = _changed(proxy.faults, name, rest)
    return status(proxy)


def directed(faults: Faults, direction: str | None, **changes: Any) -> Faults:
    """Change how bytes travel in one direction, in both if it is None."""
    directions: Sequence[Direction] = get_args(Direction)
    if direction is not None:
        directions = [cast("Direction", direction)]
    for each in directions:
        changed: Any = {each: replace(faults.flow(each), **changes)}
        faults = replace(faults, **changed)
    return faults


def status(proxy: FaultProxy) -> str:
    """Return what goes wrong and what was seen so far, on one line."""
    counters = proxy.counters
    seen = ", ".join(f"{kind} {times}" for kind, times in sorted(counters.faults.items()))
    return (
        f"{_described(proxy.faults)}; {'listening' if proxy.is_listening else 'refusing'}; "
        f"{proxy.open_connections} open of {counters.accepted}; "
        f"{counters.bytes_up} bytes up, {counters.bytes_down} down"
        + (f"; done: {seen}" if seen else "")
    )


async def _act(proxy: FaultProxy, name: str) -> str:
    match name:
        case "half_open":
            return f"{proxy.half_open()} connections are half-open now"
        case "reset":
            return f"{proxy.reset_all()} connections were reset"
        case "help":
            return HELP
        case "resume":
            proxy.resume()
        case "refuse":
            await proxy.refuse()
        case "accept":
            await proxy.accept()
        case "off":
            proxy.faults = Faults()
            proxy.resume()
            await proxy.accept()
    return status(proxy)


def _changed(faults: Faults, name: str, rest: list[str]) -> Faults:
    if name in _MODES and not rest:
        return replace(faults, mode=cast("Mode", name))
    if name == "tls" and len(rest) == 1:
        return replace(faults, tls=None if rest[0] == "off" else cast("TlsMode", rest[0]))
    if name == "slow_start" and 1 <= len(rest) <= 3:
        return replace(faults, slow_start=_slow_start(rest))
    direction = next((word for word in rest if word in get_args(Direction)), None)
    rest = [word for word in rest if word != direction]
    if name in ("latency", "jitter") and len(rest) == 1:
        return directed(faults, direction, **{name: _number(rest[0])})
    if name == "bandwidth" and len(rest) == 1:
        value = None if rest[0] == "off" else _number(rest[0])
        return directed(faults, direction, bandwidth=value)
    if name == "cut" and 1 <= len(rest) <= 2:
        ending = cast("Ending", rest[1] if len(rest) == 2 else "close")
        after = None if rest[0] == "off" else int(_number(rest[0]))
        return directed(faults, direction, cut_after=after, ending=ending)
    shown = one_line(" ".join([name, *rest]), 60)
    raise ConfigurationError(f"{shown!r} is not understood. What is: help")


def _slow_start(words: list[str]) -> SlowStart | None:
    if words == ["off"]:
        return None
    numbers = [_number(word) for word in words]
    options: dict[str, Any] = dict(zip(("delay", "count", "interval"), numbers, strict=False))
    if "count" in options:
        options["count"] = int(options["count"])
    return SlowStart(**options)


def _number(word: str) -> float:
    try:
        number = float(word.replace("_", "-"))  # a minus sign, which obey() took for a hyphen
        int(number)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{one_line(word, 40)!r} is not a number.") from None
    return number


def _described(faults: Faults) -> str:
    default = asdict(Faults())
    changed = {name: each for name, each in asdict(faults).items() if each != default[name]}
    parts = [f"{name} {_value(each)}" for name, each in changed.items()]
    return "; ".join(parts).replace("_", "-") or "nothing goes wrong"


def _value(value: Any) -> str:
    """Return a value as it is shown; what lies inside one only where it does something."""
    if not isinstance(value, dict):
        return str(value)
    shown = {key: each for key, each in value.items() if each not in (None, 0)}
    if "cut_after" in value and value["cut_after"] is None:
        shown.pop("ending")
    return ", ".join(f"{key} {each}" for key, each in shown.items()) or "undisturbed"
