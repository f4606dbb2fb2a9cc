"""Figures as tables show them."""

from selflengthen.contract.loop_row import Interval

UNKNOWN = "-"


def with_interval(interval: Interval | None, form: str) -> str:
    """Show a figure, and its interval in a second line with one digit less."""
    if interval is None:
        return UNKNOWN
    coarse = form.replace(".1f", ".0f").replace(".3f", ".2f")
    low, high = (format(one, coarse) for one in (interval.low, interval.high))
    return f"{format(interval.value, form)}\n{low.removesuffix('%')} to {high}"


def value_of(interval: Interval | None, form: str) -> str:
    """Show a figure alone."""
    return format_known(interval.value if interval else None, form)


def format_known(value: float | None, form: str) -> str:
    """Show a number, if it is known."""
    return UNKNOWN if value is None else format(value, form)
