"""Why it is down, in one sentence, and what to do about it.

One pure function, for the screen and the commands alike: from the error that ended the last
attempt and what is known besides, to what a person can use. Errors say what happened where they
are raised; what only the whole picture shows is said here: since when, until when, and that a
clock is to blame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final

from tui_chat.errors import (
    AuthLoop,
    ClientClosed,
    ConfigurationError,
    ConnectionClosed,
    CredentialsRejected,
    HandshakeRejected,
    NetworkError,
    ProtocolError,
    RateLimited,
    RequestRejected,
    RequestTimeout,
    ServerError,
    SessionTimeout,
    TicketRejected,
    TicketUnusable,
    TuiChatError,
)

__all__ = ["Diagnosis", "Evidence", "Trouble", "diagnose"]


class Trouble(StrEnum):
    """What kind of trouble it is. For machines; the same word for the same remedy."""

    CLIENT_CERTIFICATE = "client certificate"
    CLOCK = "clock"
    CONFIGURATION = "configuration"
    CREDENTIALS = "credentials"
    DISCONNECTED = "disconnected"
    DNS = "dns"
    ENDED = "ended"
    HALF_OPEN = "half-open"
    NETWORK = "network"
    OTHER = "other"
    PROTOCOL = "protocol"
    PROXY = "proxy"
    RATE_LIMITED = "rate limited"
    REFUSED = "refused"
    RESTARTING = "restarting"
    SERVER = "server"
    TICKET = "ticket"
    TIMEOUT = "timeout"
    TLS = "tls"
    TOO_BIG = "too big"
    WRONG_ADDRESS = "wrong address"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known besides the error. Everything may be unknown.

    Attributes:
        now: this machine's wall clock, epoch seconds.
        retry_in: seconds to the next attempt; None if none is scheduled.
        clock_skew: seconds that the server's clock is ahead of this machine's.
    """

    now: float | None = None
    retry_in: float | None = None
    clock_skew: float | None = None


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What is wrong.

    Attributes:
        trouble: the kind.
        sentence: what happened and what it means, one sentence.
        advice: what to do; empty if there is nothing to do but wait.
    """

    trouble: Trouble
    sentence: str
    advice: str = ""

    def __str__(self) -> str:
        return f"{self.sentence} {self.advice}" if self.advice else self.sentence


SKEW_WORTH_SAYING: Final = 60.0
"""Seconds. Certificates and tickets live for minutes at least; less than one is not to blame."""

_NO_EVIDENCE: Final = Evidence()
_NETWORK_TROUBLES: Final = {
    "DNS": Trouble.DNS,
    "REFUSED": Trouble.REFUSED,
    "TLS_CLIENT_CERTIFICATE": Trouble.CLIENT_CERTIFICATE,
}
_DATED: Final = frozenset({"TLS_EXPIRED", "TLS_NOT_YET_VALID"})
_CLOSES: Final = {
    1001: (Trouble.RESTARTING, "The server is going away"),
    1011: (Trouble.SERVER, "The server ran into an error of its own and ended the connection"),
    1012: (Trouble.RESTARTING, "The server is restarting"),
    1013: (Trouble.RESTARTING, "The server is overloaded and asks to come back later"),
    1014: (Trouble.SERVER, "A gateway before the server got a bad answer from it"),
}


def diagnose(error: TuiChatError, evidence: Evidence = _NO_EVIDENCE) -> Diagnosis:
    """Say what is wrong.

    Args:
        error: what ended the last attempt or the connection.
        evidence: what is known besides.
    """
    for kind in type(error).__mro__:
        if kind in _EXPLAINED:
            return _EXPLAINED[kind](error, evidence)
        if kind in _AS_SAID:
            return _as_said(_AS_SAID[kind], error)
    return _as_said(Trouble.OTHER, error)


def _as_said(trouble: Trouble, error: TuiChatError, otherwise: str = "") -> Diagnosis:
    return Diagnosis(trouble, error.sentence, error.advice or otherwise)


def _network(error: NetworkError, evidence: Evidence) -> Diagnosis:
    code = error.code
    if code in _DATED:
        return _dated_certificate(error, evidence)
    if code.startswith("PROXY"):
        return _as_said(Trouble.PROXY, error)
    if code in _NETWORK_TROUBLES:
        return _as_said(_NETWORK_TROUBLES[code], error)
    trouble = Trouble.TLS if code.startswith("TLS") else Trouble.NETWORK
    return _as_said(trouble, error)


def _dated_certificate(error: NetworkError, evidence: Evidence) -> Diagnosis:
    if _is_off(evidence.clock_skew):
        return Diagnosis(
            Trouble.CLOCK,
            f"{error.sentence[:-1]}, and this machine's clock is {_off(evidence.clock_skew)}.",
            "Set the clock.",
        )
    reading = f" (it says {_date(evidence.now)})" if evidence.now is not None else ""
    return Diagnosis(Trouble.TLS, error.sentence, error.advice.replace("clock", f"clock{reading}"))


def _ticket_refused(error: TicketRejected, _: Evidence) -> Diagnosis:
    return _as_said(Trouble.TICKET, error, "A new one is being fetched.")


def _auth_loop(error: AuthLoop, evidence: Evidence) -> Diagnosis:
    cause = error.__cause__
    said = f" {cause.sentence}" if isinstance(cause, TuiChatError) else ""
    if _is_off(evidence.clock_skew):
        said += f" This machine's clock is {_off(evidence.clock_skew)}."
    when = _until(evidence, error.retry_after)
    return Diagnosis(
        Trouble.TICKET,
        f"The server hands out tickets and refuses each of them; no further try{when}.{said}",
        "If that goes on, its operator has to look: whoever checks tickets does not know those "
        "that are handed out.",
    )


def _unusable(error: TicketUnusable, evidence: Evidence) -> Diagnosis:
    remaining = error.remaining
    if remaining is None:
        return _as_said(Trouble.SERVER, error, "Its operator has to look into that.")
    if error.by_server_clock:
        return _as_said(
            Trouble.SERVER, error, "By its own clock it is of no use: its operator has to look."
        )
    clock = f"This machine's clock says {_time(evidence.now)}" if evidence.now is not None else ""
    off = _duration(max(-remaining, 0.0))
    return Diagnosis(
        Trouble.CLOCK,
        f"The ticket had expired {off} before it arrived, so this machine's clock or the server's "
        f"is off by at least that much; the server did not say what time it is."
        + (f" {clock}." if clock else ""),
        "Set this machine's clock; if it is right, the server's operator has to look.",
    )


def _rate_limited(error: RateLimited, evidence: Evidence) -> Diagnosis:
    when = _until(evidence, error.retry_after)
    return Diagnosis(
        Trouble.RATE_LIMITED,
        f"The server limits how often one may ask, and wants to be left alone{when}."
        if when
        else f"{error.sentence}",
        error.advice,
    )


def _server(error: ServerError, evidence: Evidence) -> Diagnosis:
    if error.status == 503:
        when = _until(evidence, error.retry_after)
        asks = f", and wants to be left alone{when}" if when and error.retry_after else ""
        return Diagnosis(
            Trouble.RESTARTING,
            f"{error.sentence[:-1]}{asks}: it is restarting, in maintenance or overloaded.",
            error.advice,
        )
    return _as_said(Trouble.SERVER, error)


def _closed(error: ConnectionClosed, _: Evidence) -> Diagnosis:
    if error.code == "HALF_OPEN":
        return Diagnosis(
            Trouble.HALF_OPEN,
            "The connection was dead although it seemed open: nothing came from the server any "
            "more, not even the answer to a ping.",
            "A network that changed, a machine that slept, or a firewall that forgets does that; "
            "it is connected again by itself.",
        )
    if error.close_code == 1009:
        return _too_big(error)
    if error.close_code in _CLOSES and error.initiator == "server":
        trouble, words = _CLOSES[error.close_code]
        said = f": {error.reason}" if error.reason else ""
        return Diagnosis(trouble, f"{words} ({error.close_code}{said}).")
    if error.initiator == "network":
        return Diagnosis(
            Trouble.NETWORK, "The connection broke off without a word from the server."
        )
    return _as_said(Trouble.ENDED, error)


def _too_big(error: ConnectionClosed) -> Diagnosis:
    if error.initiator == "client":
        return Diagnosis(
            Trouble.TOO_BIG,
            "The server sent more in one frame than is accepted here, so the connection was ended.",
            "Tell the server's operator; what was being said is in the thread's history.",
        )
    return Diagnosis(
        Trouble.TOO_BIG,
        "The message was too big for the server, which ended the connection because of it; it is "
        "marked as failed and is not sent again.",
        "Send it in smaller parts.",
    )


def _refused_for_good(error: RequestRejected | HandshakeRejected, _: Evidence) -> Diagnosis:
    if error.code == "USER_NOT_FOUND":
        return _as_said(Trouble.CREDENTIALS, error, "Check the user, the entity and the token.")
    wrong = error.code in ("NO_TICKET_API", "REDIRECT") or error.status in (404, 405, 426)
    if wrong or isinstance(error, HandshakeRejected):
        return _as_said(Trouble.WRONG_ADDRESS, error, "Check the server URL.")
    return _as_said(Trouble.SERVER, error, "Its operator can say why.")


# -- words ----------------------------------------------------------------------------------------


def _is_off(skew: float | None) -> bool:
    return skew is not None and abs(skew) >= SKEW_WORTH_SAYING


def _off(skew: float | None) -> str:
    """Say how a clock is off; the skew is the server's clock less this machine's."""
    seconds = skew or 0.0
    return f"{_duration(abs(seconds))} {'behind' if seconds > 0 else 'ahead of'} the server's"


def _until(evidence: Evidence, seconds: float | None) -> str:
    if evidence.now is None:
        return "" if seconds is None else f" for {_duration(seconds)}"
    # Not from what the error says: how long ago it was said is not known here.
    wait = evidence.retry_in
    return "" if wait is None else f" until {_time(evidence.now + wait)}"


def _time(epoch: float | None) -> str:
    try:
        return datetime.fromtimestamp(epoch or 0.0).astimezone().strftime("%H:%M:%S")
    except (ValueError, OverflowError, OSError):
        return "a time that makes no sense"


def _date(epoch: float | None) -> str:
    try:
        return datetime.fromtimestamp(epoch or 0.0, UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError, OSError):
        return "a time that makes no sense"


def _duration(seconds: float) -> str:
    """Return a duration in at most two units, rounded."""
    total = round(seconds)
    for size, unit, smaller, small_unit in (
        (86_400, "d", 3_600, "h"),
        (3_600, "h", 60, "min"),
        (60, "min", 1, "s"),
    ):
        if total >= size:
            rest = total % size // smaller
            return f"{total // size} {unit}" + (f" {rest} {small_unit}" if rest else "")
    return f"{total} s"


def _configuration(error: ConfigurationError, _: Evidence) -> Diagnosis:
    return _as_said(Trouble.PROXY if error.code == "PROXY" else Trouble.CONFIGURATION, error)


_EXPLAINED: Final[dict[type, Callable[[Any, Evidence], Diagnosis]]] = {
    AuthLoop: _auth_loop,
    ConfigurationError: _configuration,
    ConnectionClosed: _closed,
    HandshakeRejected: _refused_for_good,
    NetworkError: _network,
    RateLimited: _rate_limited,
    RequestRejected: _refused_for_good,
    ServerError: _server,
    TicketRejected: _ticket_refused,
    TicketUnusable: _unusable,
}
_AS_SAID: Final[dict[type, Trouble]] = {
    ClientClosed: Trouble.DISCONNECTED,
    CredentialsRejected: Trouble.CREDENTIALS,
    ProtocolError: Trouble.PROTOCOL,
    RequestTimeout: Trouble.TIMEOUT,
    SessionTimeout: Trouble.TIMEOUT,
}
