"""The kinds of instruments, and what one may say: closed words and numbers, nothing else.

An instrument is declared once, with everything that may ever be recorded on it; see
:mod:`tui_chat.telemetry.table`. Names, units and kinds follow the OpenTelemetry conventions
(https://opentelemetry.io/docs/specs/semconv/general/metrics/): dotted lower-case names, UCUM
units with what is counted in braces.

Recording what was not declared is a defect of the program that does it. It is reported with
:func:`warnings.warn`, so that it fails every test that turns warnings into errors, and is printed
once, without the value, in anybody's session; what was recorded stays, without the odd part.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final

__all__ = [
    "OTHER",
    "AttributeValue",
    "Attributes",
    "Counter",
    "EventKind",
    "Gauge",
    "Histogram",
    "Instrument",
    "Measure",
    "TelemetryDefect",
    "Words",
    "defect",
]

OTHER: Final = "other"
"""Stands for everything outside of a closed set of words."""

AttributeValue = str | int | float
Attributes = tuple[tuple[str, AttributeValue], ...]
"""Attributes as they are kept: in the declared order, those that were not given left out."""


class TelemetryDefect(RuntimeWarning):
    """Something was recorded that no instrument declares. Says where, never what."""


def defect(text: str) -> None:
    """Report a defect of this program; ``text`` must not hold a value that was recorded."""
    warnings.warn(text, TelemetryDefect, stacklevel=3)


class Words:
    """An attribute whose value is one of a closed set of words or numbers.

    Args:
        key: its exported name. In Python's keyword arguments a dot is an underscore:
            ``error.type`` is given as ``error_type=``.
        words: all values there are.
        other: whether anything else is recorded as :data:`OTHER` instead of being a defect: for
            what the other side of the wire chooses.
        optional: whether it may be left out, or given as None.
    """

    def __init__(
        self, key: str, words: Iterable[str | int], *, other: bool = False, optional: bool = False
    ) -> None:
        self.key: Final = key
        self.argument: Final = key.replace(".", "_")
        self.other: Final = other
        self.optional: Final = optional
        # What is recorded is the declared object, never the one that was handed in, which could
        # be a subclass that prints something else.
        self._words: Final[dict[object, str | int]] = {word: word for word in words}
        if other:
            self._words[OTHER] = OTHER

    @property
    def words(self) -> frozenset[str | int]:
        """All values there are, :data:`OTHER` included where it can occur."""
        return frozenset(self._words.values())

    def checked(self, value: object, where: str) -> AttributeValue | None:
        """Return what is recorded for ``value``; None for nothing."""
        if value is None and self.optional:
            return None
        word = self._words.get(value) if isinstance(value, str | int) else None
        if word is None and not self.other:
            defect(f"{where}: the value of {self.key!r} is not one of those declared")
        return word or OTHER


@dataclass(frozen=True, slots=True)
class Measure:
    """An attribute of an event whose value is a finite number; nothing else is recorded.

    Attributes:
        key: its name.
        unit: for people: ``"s"``, or empty for a plain number.
        optional: whether it may be left out, or given as None.
    """

    key: str
    unit: str = ""
    optional: bool = False

    @property
    def argument(self) -> str:
        """Its name as a keyword argument."""
        return self.key.replace(".", "_")

    def checked(self, value: object, where: str) -> AttributeValue | None:
        """Return what is recorded for ``value``; None for nothing."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            defect(f"{where}: the value of {self.key!r} is not a number")
            return None
        # float() of a huge integer raises, and JSON has no word for infinity.
        bounded = min(max(value, -1e15), 1e15)
        return None if math.isnan(bounded) else float(bounded)


class _Declared:
    """What instruments and kinds of events have in common."""

    __slots__ = ()
    name: str
    attributes: tuple[Words | Measure, ...]

    def _normal(self, given: dict[str, object]) -> Attributes:
        """Return the attributes as they are kept; what was not declared is left out."""
        kept: list[tuple[str, AttributeValue]] = []
        left = len(given)
        for attribute in self.attributes:
            if attribute.argument in given:
                left -= 1
            value = attribute.checked(given.get(attribute.argument), self.name)
            if value is not None:
                kept.append((attribute.key, value))
        if left:
            names = {attribute.argument for attribute in self.attributes}
            unknown = ", ".join(sorted(repr(name)[:40] for name in given.keys() - names))
            defect(f"{self.name}: no such attribute: {unknown}")
        return tuple(kept)


@dataclass(frozen=True, slots=True, eq=False)  # compared by identity: hashing one costs nothing
class Instrument(_Declared):
    """Something that is measured.

    Attributes:
        name: as exported.
        unit: ``s``, ``By``, or what is counted, in braces.
        description: one sentence.
        attributes: what points differ in; few words each.
    """

    name: str
    unit: str
    description: str
    attributes: tuple[Words, ...] = ()

    def normal(self, given: dict[str, object]) -> Attributes:
        """Return the attributes of a point as they are kept."""
        return self._normal(given)


@dataclass(frozen=True, slots=True, eq=False)
class Counter(Instrument):
    """Counts what only ever grows."""


@dataclass(frozen=True, slots=True, eq=False)
class Histogram(Instrument):
    """How values are spread.

    Attributes:
        boundaries: the buckets advised to OpenTelemetry, whose own default is made for
            milliseconds. In process the buckets are exponential and need no advice.
    """

    boundaries: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Gauge(Instrument):
    """A value that is looked up when somebody wants to know. Without attributes.

    Attributes:
        combine: makes one value of several, where several objects report to one telemetry, or
            several telemetries to one exporter; gets at least one.
    """

    combine: Callable[[Iterable[float]], float] = min


@dataclass(frozen=True, slots=True, eq=False)
class EventKind(_Declared):
    """Something that happens, kept in the ring with its moment.

    Attributes:
        name: as exported.
        description: one sentence.
        attributes: closed words and numbers.
        template: how it is put for people, with the attributes' keyword names in braces; used
            where all of them were given. Empty for a plain list.
    """

    name: str
    description: str
    attributes: tuple[Words | Measure, ...] = ()
    template: str = ""

    def normal(self, given: dict[str, object]) -> Attributes:
        """Return the attributes of an event as they are kept."""
        return self._normal(given)

    def sentence(self, attributes: Attributes) -> str:
        """Return the event as one line for people."""
        units = {a.key: f" {a.unit}" for a in self.attributes if isinstance(a, Measure) and a.unit}
        shown = {
            key: (f"{value:.3g}" if isinstance(value, float) else str(value)) + units.get(key, "")
            for key, value in attributes
        }
        if self.template and len(shown) == len(self.attributes):
            return self.template.format_map({k.replace(".", "_"): v for k, v in shown.items()})
        return ", ".join(f"{key}={value}" for key, value in shown.items())
