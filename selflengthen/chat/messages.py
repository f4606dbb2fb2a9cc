"""Messages: the turns of a conversation."""

from collections.abc import Mapping

Message = Mapping[str, str]
"""A turn: `role` and `content`."""


def conversation(user: str, system: str | None) -> tuple[Message, ...]:
    """Return a user's turn, behind the system's if there is one."""
    asked = ({"role": "user", "content": user},)
    return asked if system is None else ({"role": "system", "content": system}, *asked)
