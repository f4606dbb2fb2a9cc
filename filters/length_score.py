"""How well a text meets a length demand, as the benchmark LonGen scores it.

Source: Self-Lengthen, length-following score of LonGen, commit 004e880.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LengthDemand:
    """The lengths that fully meet a demand, in words, both ends included."""

    low: float
    high: float

    @classmethod
    def about(cls, num_words: int) -> "LengthDemand":
        """About so many words: a fifth more or less."""
        return cls(0.8 * num_words, 1.2 * num_words)

    @classmethod
    def above(cls, num_words: int) -> "LengthDemand":
        """More than so many words: up to half as many again."""
        return cls(num_words, 1.5 * num_words)

    @classmethod
    def below(cls, num_words: int) -> "LengthDemand":
        """Fewer than so many words: at least half of them."""
        return cls(0.5 * num_words, num_words)

    def score(self, num_words: int) -> float:
        """Score a length: 1 within the demand, falling to 0 at half of `low` and 1.5 x `high`."""
        if num_words < self.low:
            return max(2 * num_words / self.low - 1, 0.0)
        return 1.0 if num_words <= self.high else max(3 - 2 * num_words / self.high, 0.0)


def length_quality(required: float, num_words: int) -> float:
    """Return S_l of LongBench-Write: 100 at the required length, 0 at 4 times or a third of it.

    Units: both lengths in words; `required` above 0.
    """
    if num_words > required:
        return 100 * max(0.0, 1 - (num_words / required - 1) / 3)
    return 100 * max(0.0, 1 - (required / num_words - 1) / 2) if num_words else 0.0
