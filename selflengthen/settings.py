"""The base of every settings model: strict, frozen, unknown keys refused."""

from typing import Any

from pydantic import BaseModel, ConfigDict


class Settings(BaseModel):
    """Frozen settings; types are not coerced and unknown keys are errors."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True, defer_build=True
    )

    def __getstate__(self) -> dict[Any, Any]:
        """Travel to another process as the fields alone.

        What was worked out of them may hold a person's own code, which only a process that looks
        for it can import.
        """
        state = super().__getstate__()
        fields = type(self).model_fields
        given = {name: value for name, value in state["__dict__"].items() if name in fields}
        return state | {"__dict__": given}


def is_reference(name: str) -> bool:
    """Tell whether a name is one of `package.module:Name`."""
    module, colon, attribute = name.partition(":")
    parts = (*module.split("."), *attribute.split("."))
    return bool(colon) and all(part.isidentifier() for part in parts)
