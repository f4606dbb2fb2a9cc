"""Settings of `synth collect`."""

from typing import Literal

from pydantic import Field, model_validator

from selflengthen.settings import Settings


class DemandShares(Settings):
    """How often each kind of demand is drawn, in relation to the others."""

    about: float = Field(0.4, ge=0.0)
    """About so many words."""
    range: float = Field(0.25, ge=0.0)
    """Between two numbers."""
    above: float = Field(0.25, ge=0.0)
    """At least so many."""
    below: float = Field(0.1, ge=0.0)
    """At most so many."""
    none: float = Field(0.1, ge=0.0)
    """No demand."""

    @model_validator(mode="after")
    def _check_some(self) -> "DemandShares":
        if not sum(self.model_dump().values()):
            raise ValueError("all are 0; set at least one above")
        return self


class CollectConfig(Settings):
    """The final data, for `synth collect`: pairs of all iterations with a length demand."""

    more: int | None = Field(None, ge=1)
    """First so many further instructions, with what the last iteration trained; null: none."""
    initial: bool = False
    """Initial responses make rows too: to one task a shorter text beside the longer one, each with
    a demand of its own."""
    min_words: int = Field(0, ge=0)
    """Shortest response that makes a row."""
    max_words: int | None = Field(None, ge=1)
    """Longest one; null: any."""
    max_rows: int | None = Field(None, ge=1)
    """Rows at most, those with the largest length times score; null: all."""
    balance: bool = False
    """Let length bands and kinds of text have their turn in them."""
    demands: DemandShares = DemandShares()
    """Which kinds of demand."""
    number_words: float = Field(0.25, ge=0.0, le=1.0)
    """Share of demands whose numbers are spelled."""
    rewrite: Literal["model", "phrase"] = "model"
    """Who puts a demand into the instruction: the base model, or a fixed phrase."""
    attempts: int = Field(2, ge=1)
    """Tries of the base model, before a fixed phrase does it."""
    min_similarity: float = Field(0.6, ge=0.0, le=1.0)
    """ROUGE-L of the instruction and a model's query without its demand, at least."""
