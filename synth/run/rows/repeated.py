"""No row teaches twice: of records whose responses are nearly alike, the best makes a row."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain

from filters.near_text import LikelyPairs, repeated, shingles
from selflengthen.contract.record import Record
from selflengthen.contract.reject import Reject
from synth.run.directory import IterationFiles

REASON = "repeated_row"


@dataclass(frozen=True, slots=True)
class _Place:
    """A record, without its text."""

    id: str
    is_earlier: bool
    """Of an earlier iteration: its row is written already."""
    worth: float

    @property
    def rank(self) -> tuple[bool, float, str]:
        """Earlier iterations first, then by worth."""
        return (not self.is_earlier, -self.worth, self.id)


def repeated_rows(files: IterationFiles, iteration: int, max_similarity: float) -> list[Reject]:
    """Return the records of an iteration that make no row, with the one that does.

    Memory: half a KiB for each record of this iteration and the earlier ones, and the texts of
    those that are alike.
    """
    pairs, places = LikelyPairs(), list[_Place]()
    likely: list[list[int]] = []
    for record, is_earlier in _records(files, iteration):
        earlier = pairs.add(record.response)
        likely.append(earlier)
        for other in earlier:
            likely[other].append(len(places))
        worth = record.score * record.num_words.response
        places.append(_Place(record.id, is_earlier, worth))
    texts = {
        number: record
        for number, (record, _) in enumerate(_records(files, iteration))
        if likely[number]
    }
    shingles_of = {number: shingles(record.response) for number, record in texts.items()}
    order = sorted(range(len(places)), key=lambda number: places[number].rank)
    found = repeated(order, likely, shingles_of, max_similarity)
    return [
        _reject(texts[number], places[same])
        for number, same in sorted(found)
        if not places[number].is_earlier
    ]


def _records(files: IterationFiles, iteration: int) -> Iterator[tuple[Record, bool]]:
    before = map(files.earlier, range(1, iteration))
    earlier = ((record, True) for one in before for record in one.read_records())
    return chain(earlier, ((record, False) for record in files.read_records()))


def _reject(record: Record, kept: _Place) -> Reject:
    return Reject(
        id=record.id,
        cohort=record.cohort,
        stage="row",
        reason=f"{REASON}:{kept.id}",
        num_words=record.num_words.response,
        text=record.response,
    )
