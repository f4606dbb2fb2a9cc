"""Sampling parameters of a stage."""

from pydantic import Field

from synth.engine.config import NEUTRAL, Sampling


class DecodingConfig(Sampling):
    """Sampling parameters; the judge, who says one word, has its own.

    A stage's own replace those of the run as a whole: keys left out have the defaults given here.
    """

    retry_temperature_step: float = Field(0.0, ge=0.0, le=0.5)
    """Added to the temperature at every further attempt."""

    def neutral(self) -> "DecodingConfig":
        """Return parameters that leave the model's own probabilities as they are."""
        return DecodingConfig(**NEUTRAL.model_dump())
