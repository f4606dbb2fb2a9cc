"""Running coroutines side by side: if one fails or the caller is cancelled, none is left behind."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

T = TypeVar("T")


async def together(coroutines: Iterable[Coroutine[Any, Any, T]]) -> list[T]:
    """Return all results in order.

    Raises: ExceptionGroup: what failed; the others were cancelled and have ended.
    """
    async with asyncio.TaskGroup() as tasks:
        started = [tasks.create_task(coroutine) for coroutine in coroutines]
    return [task.result() for task in started]


def first_error(errors: ExceptionGroup[Exception]) -> Exception:
    """Return one of the errors: a dead engine, or a full disk, tells every request the same."""
    error = errors.exceptions[0]
    return first_error(error) if isinstance(error, ExceptionGroup) else error
