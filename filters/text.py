"""A text that is judged: what several rules look at is worked out once."""

from functools import cached_property

from filters.prose import prose_segments
from filters.words import script_units


class JudgedText(str):
    """A text that remembers how it was read."""

    @cached_property
    def prose(self) -> list[str]:
        """Its prose, in segments: fenced code and tables are left out."""
        return prose_segments(self)

    @cached_property
    def units(self) -> list[list[str]]:
        """The script units of each segment of its prose."""
        return [script_units(segment) for segment in self.prose]
