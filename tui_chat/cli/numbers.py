"""Numbers among the options, refused with one sentence for people."""

from __future__ import annotations

import math

import click

__all__ = ["Number"]


class Number(click.FloatRange):
    """A finite number within limits.

    Args:
        unit: what it counts, such as ``seconds``; stands in the sentence.
        least: the smallest one allowed.
        most: the largest one allowed; None for no limit.
    """

    def __init__(self, unit: str = "", *, least: float = 0.0, most: float | None = None) -> None:
        super().__init__(min=least, max=most)  # for --help
        self._unit = unit
        self._least = least
        self._most = most

    def convert(
        self, value: str | float, param: click.Parameter | None, ctx: click.Context | None
    ) -> float:
        """Return the number.

        Raises:
            click.UsageError: naming the option and its limits.
        """
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        most = math.inf if self._most is None else self._most
        # Comparisons with "not a number" are all false, so it is in no range and outside of none.
        if math.isfinite(number) and self._least <= number <= most:
            return number
        option = param.opts[0] if param is not None else "The value"
        raise click.UsageError(
            f"{option} takes {self._limits()}, and {value or 'nothing'} is not one.", ctx
        )

    def _limits(self) -> str:
        what = f"a number of {self._unit}" if self._unit else "a number"
        if self._most is None:
            return f"{what} of at least {self._least:,g}"
        return f"{what} from {self._least:,g} to {self._most:,g}"
