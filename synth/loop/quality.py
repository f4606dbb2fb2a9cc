"""What became of the quality over a loop: faults and diversity of kept texts and answers."""

from collections.abc import Sequence
from itertools import islice

from selflengthen.contract.loop_row import Interval, LoopRow, Quality
from synth.engine.base import FinishReason
from synth.method.books.quality import quality_of
from synth.run.directory import IterationFiles

MAX_TEXTS = 500
"""So many kept texts are looked at, from the first on."""


def quality_of_records(files: IterationFiles) -> Quality | None:
    """Look at the kept texts of an iteration; None if there are none."""
    records = islice(files.read_records(), MAX_TEXTS)
    return quality_of((record.instruction, record.response) for record in records)


def quality_of_answers(files: IterationFiles) -> Quality | None:
    """Look at the held-out answers of an iteration's Generator; None if there are none."""
    return quality_of(
        (answer.instruction, answer.response)
        for answer in files.read_held_out()
        if answer.finish_reason != FinishReason.ERROR
    )


def collapse(rows: Sequence[LoopRow]) -> str | None:
    """Tell how the last iteration's answers are worse than the base model's, beyond chance.

    Their structural faults are more, or their diversity is less, and the intervals of 95 % do not
    meet.
    """
    before, after = rows[0].quality["before"], rows[-1].quality["after"]
    if before is None or after is None:
        return None
    if after.structural.low > before.structural.high:
        what, old, new = "structural faults", before.structural, after.structural
    elif after.distinct_4.high < before.distinct_4.low:
        what, old, new = "different word groups", before.distinct_4, after.distinct_4
    else:
        return None
    return f"held-out answers, {what}: {_shown(old)} of the base, now {_shown(new)}"


def _shown(interval: Interval) -> str:
    return f"{interval.value:.0%} ({interval.low:.0%} to {interval.high:.0%})"
