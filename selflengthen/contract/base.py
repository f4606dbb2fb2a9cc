"""The base of all that lies on disk."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

SCHEMA_VERSION: Literal[1] = 1
"""Raised when a reader of the version before would misread a file."""


class Part(BaseModel):
    """A part of a row: frozen, unknown keys refused."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, defer_build=True
    )


class Contract(Part):
    """A row of a file of JSON lines, or the one object of a JSON file."""

    schema_version: Literal[1] = SCHEMA_VERSION
    """Version of this shape; a file without it was written before there were versions."""

    def to_row(self) -> dict[str, Any]:
        """Return what is written: plain values, the version last."""
        row = self.model_dump()
        row["schema_version"] = row.pop("schema_version")
        return row


class TokenCounts(Part):
    """Tokens of some requests."""

    prompt: int
    """Tokens of prompts, those in `cached` included."""
    cached: int
    """Prompt tokens whose keys and values were found in the prefix cache."""
    generated: int
    """Tokens that the model wrote."""
