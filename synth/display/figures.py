"""Figures as tables show them."""

from selflengthen.contract.loop_row import Interval

UNKNOWN = "-"


def with_interval(interval: Interval | None, form: str) -> str:
    """Show a figure and its interval in two lines."""
    if interval is None:
        return UNKNOWN
    value, low, high = (format(one, form) for one in (interval.value, interval.low, interval.high))
    return f"{value}\n{low} to {high}"


def value_of(interval: Interval | None, form: str) -> str:
    """Show a figure alone."""
    return format_known(interval.value if interval else None, form)


def format_known(value: float | None, form: str) -> str:
    """Show a number, if it is known."""
    return UNKNOWN if value is None else format(value, form)
