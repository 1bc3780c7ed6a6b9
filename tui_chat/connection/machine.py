"""The state machine of a connection: values and rules, no waiting, no I/O, no clock.

``idle -> ticket -> connecting -> ready -> {backoff, paused, failed, closed}``; from each of the
last but ``closed`` the way leads back to ``ticket``. The first connect and a reconnect take the
same path. What is waited for, and for how long, is decided elsewhere; whether something may happen
at all is decided here, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, TypeAlias

from tui_chat.connection.status import ConnectionState

__all__ = ["STRIKES", "TRANSITIONS", "Answer", "Machine", "Outcome", "ReconnectCause"]

ReconnectCause: TypeAlias = Literal["user", "message", "wake", "focus"]
"""Who wants the connection now: the user; a message that waits; the machine, which slept; the
terminal, which gained the focus."""

Answer: TypeAlias = Literal["nothing", "replace", "wake", "insist", "noted"]
"""What becomes of such a wish: nothing; the working connection is replaced; a wait is cut short; a
wait that somebody imposed is cut short; it takes a second wish to do that."""

Outcome: TypeAlias = Literal["retry", "backoff", "pause", "fail"]
"""What an attempt, or the session it led to, leaves behind: a different ticket may help at once;
later; when whoever imposed the pause says so; never without the user."""

STRIKES: Final = 3
"""In a row, failures that may pass but must not repeat for ever end in the failed state."""

_S = ConnectionState
_BEFORE_AN_ATTEMPT: Final = frozenset({_S.IDLE, _S.BACKOFF, _S.PAUSED, _S.FAILED, _S.TICKET})
_UNDER_WAY: Final = frozenset({_S.TICKET, _S.CONNECTING, _S.READY})
_AFTER_AN_ATTEMPT: Final = frozenset({_S.BACKOFF, _S.PAUSED, _S.FAILED, _S.CLOSED})

TRANSITIONS: Final[Mapping[ConnectionState, frozenset[ConnectionState]]] = {
    _S.IDLE: frozenset({_S.TICKET, _S.BACKOFF, _S.PAUSED, _S.CLOSED}),
    _S.TICKET: _AFTER_AN_ATTEMPT | {_S.TICKET, _S.CONNECTING},
    _S.CONNECTING: _AFTER_AN_ATTEMPT | {_S.READY},
    _S.READY: _AFTER_AN_ATTEMPT | {_S.TICKET},
    _S.BACKOFF: frozenset({_S.TICKET, _S.BACKOFF, _S.PAUSED, _S.CLOSED}),
    _S.PAUSED: frozenset({_S.TICKET, _S.BACKOFF, _S.PAUSED, _S.CLOSED}),
    _S.FAILED: frozenset({_S.TICKET, _S.BACKOFF, _S.PAUSED, _S.CLOSED}),
    _S.CLOSED: frozenset({_S.CLOSED}),
}
"""Which state may follow which. ``failed`` is left by the user's word or by closing only."""


@dataclass(frozen=True, slots=True)
class Machine:
    """Where a connection stands. Every method returns the machine after the event it names.

    Attributes:
        state: the state.
        keeps_trying: whether a failure is followed by another attempt. Until the first session a
            caller may want a single one.
        strikes: failures in a row that may pass but must not repeat for ever.
        asked: whether the user has asked once to cut the present pause short.
        released: whether the user has said that a failed state may be left.
    """

    state: ConnectionState = ConnectionState.IDLE
    keeps_trying: bool = True
    strikes: int = 0
    asked: bool = False
    released: bool = False

    def waits(self, *, paused: bool) -> Machine:
        """Something keeps the next attempt from starting; ``paused`` if somebody imposed it."""
        self._only_from(_BEFORE_AN_ATTEMPT, "wait")
        return replace(self, state=_S.PAUSED if paused else _S.BACKOFF, asked=False, released=False)

    def began(self) -> Machine:
        """An attempt asks for a ticket."""
        self._only_from(_BEFORE_AN_ATTEMPT, "begin")
        return replace(self, state=_S.TICKET, asked=False, released=False)

    def leased(self) -> Machine:
        """The attempt has a ticket and connects."""
        self._only_from(frozenset({_S.TICKET}), "connect")
        return replace(self, state=_S.CONNECTING)

    def ready(self) -> Machine:
        """The session is ready."""
        self._only_from(frozenset({_S.CONNECTING}), "be ready")
        return replace(self, state=_S.READY, keeps_trying=True)

    def ended(self, outcome: Outcome, *, strike: bool = False, stable: bool = False) -> Machine:
        """An attempt has failed, or the session it led to.

        Args:
            outcome: what that leaves behind.
            strike: whether that may pass but must not repeat for ever.
            stable: whether the session had lasted long enough to forget what was before.
        """
        self._only_from(_UNDER_WAY, "end")
        strikes = (0 if stable else self.strikes) + 1 if strike else 0
        if not self.keeps_trying and outcome != "retry":
            return replace(self, state=_S.CLOSED)
        if outcome == "fail" or strikes >= STRIKES:
            return replace(self, state=_S.FAILED, strikes=0)
        state = _S.PAUSED if outcome == "pause" else _S.BACKOFF
        return replace(self, state=state, strikes=strikes, asked=False)

    def wanted(self, cause: ReconnectCause) -> tuple[Machine, Answer]:
        """Somebody wants a connection, or another one, now.

        A wait that a server asked for, or that an open circuit imposes, yields to the second
        deliberate wish only; a failed state, and a working connection, to the user only.
        """
        match self.state:
            case ConnectionState.READY if cause == "user":
                return replace(self, state=_S.TICKET), "replace"
            case ConnectionState.BACKOFF:
                return self, "wake"
            case ConnectionState.PAUSED if cause == "user":
                return (self, "insist") if self.asked else (replace(self, asked=True), "noted")
            case ConnectionState.FAILED if cause == "user":
                return replace(self, released=True), "wake"
            case _:
                return self, "nothing"

    def closed(self) -> Machine:
        """It is over, for good."""
        return replace(self, state=_S.CLOSED)

    def _only_from(self, states: frozenset[ConnectionState], what: str) -> None:
        stuck = self.state is _S.FAILED and not self.released
        if self.state not in states or stuck:
            raise RuntimeError(f"a connection that is {self.state} cannot {what}")
