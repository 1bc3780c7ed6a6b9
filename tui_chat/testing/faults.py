"""What can go wrong on the way, as data."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Final, Literal, get_args

from tui_chat.errors import ConfigurationError

__all__ = [
    "Counters",
    "Direction",
    "Ending",
    "Faults",
    "Flow",
    "Mode",
    "SlowStart",
    "TlsMode",
]

Direction = Literal["up", "down"]
"""``up``: from the client to the server. ``down``: the other way."""

Ending = Literal["close", "reset"]
"""How a connection ends: FIN to both sides, or RST."""

Mode = Literal["relay", "black_hole", "accept_close", "accept_reset"]
"""What becomes of a new connection."""

TlsMode = Literal[
    "good",
    "expired",
    "not_yet_valid",
    "wrong_host",
    "self_signed",
    "unknown_authority",
    "client_certificate",
    "plain",
    "close",
    "reset",
]
"""What a client meets that speaks TLS."""

LONGEST: Final = 3600.0
"""Seconds; no delay is longer, which is always a mistake in the unit."""


@dataclass(frozen=True, slots=True)
class Flow:
    """How bytes travel in one direction.

    Attributes:
        latency: seconds from one side to the other; does not limit how much travels at once.
        jitter: up to this many seconds more, drawn anew for each piece; the order stays.
        bandwidth: bytes a second, None for no limit.
        cut_after: the connection ends when this many of its bytes have gone through, None never.
        ending: how it ends then.

    Raises:
        ConfigurationError: for a value that makes no sense.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float | None = None
    cut_after: int | None = None
    ending: Ending = "close"

    def __post_init__(self) -> None:
        _check_seconds(latency=self.latency, jitter=self.jitter)
        _check_bandwidth(self.bandwidth)
        _check_choice("ending", self.ending, get_args(Ending))
        if self.cut_after is not None and self.cut_after < 0:
            raise ConfigurationError("cut_after must not be negative.")


@dataclass(frozen=True, slots=True)
class SlowStart:
    """How an answer begins.

    Attributes:
        delay: seconds before the server's first byte is passed on.
        count: that many first bytes go one at a time.
        interval: seconds between two of them.

    Raises:
        ConfigurationError: for a value that makes no sense.
    """

    delay: float = 0.0
    count: int = 0
    interval: float = 0.01

    def __post_init__(self) -> None:
        _check_seconds(delay=self.delay, interval=self.interval)
        if self.count < 0:
            raise ConfigurationError("count must not be negative.")


@dataclass(frozen=True, slots=True)
class Faults:
    """Everything that goes wrong on the way. Without arguments nothing does.

    ``latency``, ``jitter`` and ``bandwidth`` hold for both directions, unless ``up`` or ``down``
    says otherwise for one of them. They apply to open connections too, from the next byte on;
    ``mode``, ``slow_start`` and ``tls`` to those that are made from then on.

    Attributes:
        latency: see :class:`Flow`.
        jitter: see :class:`Flow`.
        bandwidth: see :class:`Flow`.
        up: from the client to the server; None is what the three above say.
        down: from the server to the client.
        mode: ``relay``; ``black_hole`` accepts, swallows and never answers;
            ``accept_close`` and ``accept_reset`` end a connection as soon as it was accepted.
        slow_start: how the first answer on a connection begins.
        tls: the proxy ends the client's TLS and passes on plain bytes, with a certificate that is
            ``good``, ``expired``, ``not_yet_valid``, for a ``wrong_host``, ``self_signed`` or from
            an ``unknown_authority``; ``client_certificate`` asks the client for one as well;
            ``plain`` answers in plain text; ``close`` and ``reset`` end the connection in the
            middle of the handshake. None passes on what comes, TLS or not.

    Raises:
        ConfigurationError: for a value that makes no sense.
    """

    latency: float = 0.0
    jitter: float = 0.0
    bandwidth: float | None = None
    up: Flow | None = None
    down: Flow | None = None
    mode: Mode = "relay"
    slow_start: SlowStart | None = None
    tls: TlsMode | None = None

    def __post_init__(self) -> None:
        _check_seconds(latency=self.latency, jitter=self.jitter)
        _check_bandwidth(self.bandwidth)
        _check_choice("mode", self.mode, get_args(Mode))
        if self.tls is not None:
            _check_choice("tls", self.tls, get_args(TlsMode))

    def flow(self, direction: Direction) -> Flow:
        """Return what holds for one direction."""
        special = self.up if direction == "up" else self.down
        return special or Flow(self.latency, self.jitter, self.bandwidth)


@dataclass
class Counters:
    """What a proxy has seen.

    Attributes:
        accepted: connections accepted.
        bytes_up: bytes passed on to the server.
        bytes_down: bytes passed on to clients.
        faults: how often something was done to a connection, by kind: ``latency`` and
            ``bandwidth`` count pieces, ``half_open``, ``cut``, ``reset``, ``black_hole``,
            ``slow_start``, ``accept_close``, ``accept_reset`` and ``tls_...`` connections,
            ``refuse`` the times the port was closed.
    """

    accepted: int = 0
    bytes_up: int = 0
    bytes_down: int = 0
    faults: dict[str, int] = field(default_factory=dict)

    def count(self, kind: str, times: int = 1) -> None:
        """Note that something was done."""
        self.faults[kind] = self.faults.get(kind, 0) + times

    def passed(self, direction: Direction, size: int) -> None:
        """Note that bytes were passed on."""
        if direction == "up":
            self.bytes_up += size
        else:
            self.bytes_down += size


def _check_seconds(**values: float) -> None:
    for name, value in values.items():
        if not (math.isfinite(value) and 0 <= value <= LONGEST):
            raise ConfigurationError(f"{name} must be from 0 to {LONGEST:g} seconds.")


def _check_bandwidth(value: float | None) -> None:
    if value is not None and not (math.isfinite(value) and value > 0):
        raise ConfigurationError("bandwidth must be a positive number of bytes a second.")


def _check_choice(name: str, value: str, known: tuple[str, ...]) -> None:
    if value not in known:
        raise ConfigurationError(f"{name} must be one of {', '.join(known)}.")
