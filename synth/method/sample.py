"""What flows through the pipeline: frozen values with stable ids."""

from dataclasses import dataclass

from filters.text.words import count_words
from synth.engine.base import Completion, Request, Tokens
from synth.method.slots import Slot

Exchange = tuple[str, Completion]
"""Kind and completion of a request that is not booked yet: length sampling decides about it."""


@dataclass(frozen=True, slots=True)
class Instruction:
    """An instruction that was judged suitable."""

    slot: Slot
    text: str
    attempts: int
    request: Request
    completion: Completion
    """The proposal, booked once it is known not to be a near-duplicate."""

    @property
    def id(self) -> str:
        """The slot's id and the attempt: each of a slot's proposals has its own."""
        return f"{self.slot.id}-i{self.attempts - 1}"


@dataclass(frozen=True, slots=True)
class InitialResponse:
    """The Generator's answer that passed the filter."""

    id: str
    instruction: Instruction
    text: str
    attempts: int
    exchanges: tuple[Exchange, ...]
    score: float = 1.0

    @property
    def num_words(self) -> int:
        """Length in words."""
        return count_words(self.text)

    @property
    def task(self) -> str:
        """The instruction's text."""
        return self.instruction.text

    def extension_id(self, copy: int) -> str:
        """Name one of its extensions."""
        return f"{self.id}-e{copy}"


@dataclass(frozen=True, slots=True)
class MicroIteration:
    """One round of the Extender's two stages."""

    num_words: int
    reason: str | None
    """Why the candidate was dropped; None if it became the text of the next round."""
    score: float | None = None
    """Of a candidate that the filter kept."""
    splice_at: int | None = None
    """Where stage 2 begins in the candidate, in characters."""
    cut_words: int = 0
    """What stage 2 repeated of the head, in words."""


@dataclass(frozen=True, slots=True)
class ExtendedResponse:
    """The Extender's longer text that passed the filter and grew enough."""

    id: str
    initial: InitialResponse
    text: str
    micro_iterations: tuple[MicroIteration, ...]
    attempts: int
    exchanges: tuple[Exchange, ...]
    score: float = 1.0

    @property
    def num_words(self) -> int:
        """Length in words."""
        return count_words(self.text)

    @property
    def task(self) -> str:
        """The instruction's text."""
        return self.initial.task

    def tokens(self) -> Tokens:
        """Tokens of the requests that made this text, its initial response included."""
        exchanges = (*self.initial.exchanges, *self.exchanges)
        return Tokens.of(completion for _, completion in exchanges)
