"""An instruction and a response to it, before the demand."""

from dataclasses import dataclass

from selflengthen.contract.record import Record


@dataclass(frozen=True, slots=True)
class Pair:
    """What a row of the final data is made of."""

    id: str
    record_id: str
    """Of the record that it is from."""
    iteration: int
    instruction: str
    response: str
    num_words: int
    score: float
    language: str | None
    task_kind: str
    needs_demand: bool = False
    """Without one it makes no row: who asks for no length shall get the longer response."""

    @classmethod
    def extended(cls, record: Record) -> "Pair":
        """Take a record's extended response."""
        return cls(
            id=record.id,
            record_id=record.id,
            iteration=record.iteration,
            instruction=record.instruction,
            response=record.response,
            num_words=record.num_words.response,
            score=record.score,
            language=record.language,
            task_kind=record.task_kind,
        )

    @classmethod
    def initial(cls, record: Record, score: float) -> "Pair":
        """Take its initial response."""
        return cls(
            id=f"{record.id}/initial",
            record_id=record.id,
            iteration=record.iteration,
            instruction=record.instruction,
            response=record.initial_response,
            num_words=record.num_words.initial,
            score=round(score, 4),
            language=record.language,
            task_kind=record.task_kind,
            needs_demand=True,
        )
