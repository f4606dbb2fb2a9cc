"""A text that is judged: what several rules look at is worked out once."""

from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from functools import cached_property
from itertools import chain, islice
from typing import Self

from filters.text.prose import prose_segments
from filters.text.sections import has_parallel_sections, lead
from filters.text.sentences import is_verse, mostly_unspaced, paragraphs, sentences
from filters.text.words import script_units

# So many units at the beginning tell the script of a text, also of one that goes on.
_NUM_UNITS_OF_SCRIPT = 60


@dataclass(frozen=True, slots=True)
class Paragraph:
    """A paragraph of prose, in script units."""

    sentences: list[list[str]]
    is_verse: bool

    @classmethod
    def read(cls, part: str) -> Self:
        """Read it; the counters of lists are left out."""
        units = map(script_units, sentences(part))
        return cls([found for found in units if found], is_verse(part))


class JudgedText(str):
    """A text that remembers how it was read."""

    is_beginning = False
    """Whether it is the first paragraphs of a text that goes on."""

    @classmethod
    def of(cls, text: str) -> Self:
        """Return a text with what is known of it already."""
        return text if isinstance(text, cls) else cls(text)

    @classmethod
    def beginning(cls, text: str) -> Self:
        """Return the first paragraphs of a text that goes on."""
        judged = cls(text)
        judged.is_beginning = True
        return judged

    def measured(self, rule: Hashable, measure: Callable[[Self], float]) -> float:
        """Return what a rule measures in it, worked out once: for its verdict and its strain."""
        if rule not in self._measures:
            self._measures[rule] = measure(self)
        return self._measures[rule]

    @cached_property
    def _measures(self) -> dict[Hashable, float]:
        return {}

    @cached_property
    def prose(self) -> list[str]:
        """Its prose, in segments: fenced code and tables are left out."""
        return prose_segments(self)

    @cached_property
    def paragraphs(self) -> list[str]:
        """The paragraphs of its prose."""
        return [part for segment in self.prose for part in paragraphs(segment)]

    @cached_property
    def units(self) -> list[list[str]]:
        """The script units of each segment of its prose, without the counters of lists."""
        return [_units(segment) for segment in self._segments]

    @cached_property
    def loose_sentences(self) -> list[list[str]]:
        """The script units of each sentence of its prose that no form lets return.

        Verse repeats itself, and so do sections in one form.
        """
        return [
            units
            for segment in self._loose_segments
            for paragraph in segment
            if not paragraph.is_verse
            for units in paragraph.sentences
        ]

    @cached_property
    def loose_units(self) -> list[list[str]]:
        """The same by segment, for what may cross the end of a sentence."""
        return [
            _units(paragraph for paragraph in segment if not paragraph.is_verse)
            for segment in self._loose_segments
        ]

    @cached_property
    def is_unspaced(self) -> bool:
        """Whether it begins in a script without spaces."""
        units = chain.from_iterable(self.units)
        return mostly_unspaced(list(islice(units, _NUM_UNITS_OF_SCRIPT)))

    @cached_property
    def _segments(self) -> list[list[Paragraph]]:
        return _read(self.prose)

    @cached_property
    def _loose_segments(self) -> list[list[Paragraph]]:
        whole = "\n\n".join(self.prose)
        before = lead(whole)
        if len(before) == len(whole) or not (self.is_beginning or has_parallel_sections(whole)):
            return self._segments
        return _read([before])


def _read(segments: Iterable[str]) -> list[list[Paragraph]]:
    return [[Paragraph.read(part) for part in paragraphs(segment)] for segment in segments]


def _units(paragraphs: Iterable[Paragraph]) -> list[str]:
    return [unit for paragraph in paragraphs for units in paragraph.sentences for unit in units]
