"""The demand in the query: written by the base model, and checked by rule."""

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from rapidfuzz.distance import Indel

from filters.demand import Demand, DemandKind, demands_in
from filters.text.words import script_units
from selflengthen.chat.messages import conversation
from selflengthen.contract.final_row import DemandPart, FinalRow
from synth.collect_config import CollectConfig
from synth.engine.base import Engine, Request, Tokens
from synth.final.demands import draw_demand, phrase_of, with_phrase
from synth.final.pair import Pair
from synth.method.recipe import Prompt, Recipe, failure_of
from synth.method.stages import Stage

ROLE = "final"


@dataclass
class RewriteCount:
    """What the model's queries came to."""

    rejected: Counter[str] = field(default_factory=Counter)
    tokens: Tokens = field(default_factory=Tokens)


@dataclass(frozen=True, slots=True)
class Query:
    """An instruction with a demand in it."""

    text: str
    written_by: str
    """`model`, or `phrase` (a fixed one)."""


@dataclass(frozen=True)
class Rewriter:
    """Makes rows of pairs, each with a demand that its response meets."""

    recipe: Recipe
    engine: Engine | None
    """None: phrases only."""
    count: RewriteCount

    async def row(self, pair: Pair, place: int) -> FinalRow | None:
        """Make a row; None where a demand is needed and cannot be said.

        Raises: EngineError: the engine is gone.
        """
        # An instruction that asks for a length keeps it; that is met, see `choose`.
        if own := demands_in(pair.instruction):
            return _row(pair, pair.instruction, own[0].demand, None, self.recipe)
        config = self.recipe.config.collect
        rng = random.Random(f"{self.recipe.config.seed}:{pair.id}:demand")
        demand = draw_demand(pair.num_words, config, rng, always=pair.needs_demand)
        query = await self._query(pair, place, demand, rng) if demand else None
        if query is not None:
            return _row(pair, query.text, demand, query.written_by, self.recipe)
        if pair.needs_demand:
            return None
        return _row(pair, pair.instruction, None, None, self.recipe)

    async def _query(
        self, pair: Pair, place: int, demand: Demand, rng: random.Random
    ) -> Query | None:
        """Let the model write the demand into the instruction, else put a phrase beside it.

        None: beside this instruction the phrase would be read as something else.
        """
        config = self.recipe.config.collect
        language = "zh" if pair.language == "zh" else "en"
        for attempt in range(config.attempts if self.engine else 0):
            phrase = phrase_of(demand, language, config, rng)
            request = self._request(pair, place, attempt, phrase)
            text = await self._ask(request, pair.instruction, demand)
            if text is not None:
                return Query(text, "model")
        phrase = phrase_of(demand, language, config, rng)
        text = with_phrase(pair.instruction, phrase, language, rng)
        is_read = [found.demand for found in demands_in(text)] == [demand]
        return Query(text, "phrase") if is_read else None

    def _request(self, pair: Pair, place: int, attempt: int, phrase: str) -> Request:
        user = self.recipe.prompts.demand(pair.instruction, phrase)
        request_id = f"{pair.id}/{Stage.DEMAND}-{attempt}"
        return self.recipe.request(Prompt(request_id, Stage.DEMAND, place, user, attempt=attempt))

    async def _ask(self, request: Request, instruction: str, demand: Demand) -> str | None:
        """Let the model write the query; None if it did not do as asked."""
        assert self.engine is not None
        completion = await self.engine.generate(request)
        self.count.tokens += Tokens.of([completion])
        query = self.recipe.prompts.parse_instruction(completion.text)
        reason = failure_of(completion) or objection_to_query(
            query, instruction, demand, self.recipe.config.collect
        )
        if reason:
            self.count.rejected[reason] += 1
        return None if reason else query


def objection_to_query(
    query: str, instruction: str, demand: Demand, config: CollectConfig
) -> str | None:
    """Return why a query is not the instruction with just this demand, or None."""
    found = demands_in(query)
    if not found:
        return "no_demand"
    if len(found) > 1:
        return "several_demands"
    if found[0].demand != demand:
        return "another_demand"
    rest = query[: found[0].start] + query[found[0].end :]
    # ROUGE-L F1, see `filters.near_duplicate`.
    similarity = Indel.normalized_similarity(script_units(rest), script_units(instruction))
    return None if similarity >= config.min_similarity else "another_task"


def _row(
    pair: Pair, query: str, demand: Demand | None, written_by: str | None, recipe: Recipe
) -> FinalRow:
    part = DemandPart(kind=demand.kind.value, low=demand.low, high=demand.high) if demand else None
    return FinalRow(
        id=pair.id,
        role=ROLE,
        prompt=tuple(map(dict, conversation(query, recipe.config.model.system_prompt))),
        completion=({"role": "assistant", "content": pair.response},),
        num_words=pair.num_words,
        score=pair.score,
        iteration=pair.iteration,
        instruction=pair.instruction,
        demand=part,
        written_by=written_by,
        language=pair.language,
        task_kind=pair.task_kind,
    )


def check_rows(rows: Iterable[FinalRow]) -> None:
    """Read every query again: it makes its row's demand and no other, and the response meets it.

    Raises: ValueError: one does not; no row is written.
    """
    for row in rows:
        found = [one.demand for one in demands_in(row.prompt[-1]["content"])]
        part = row.demand
        asked = [Demand(DemandKind(part.kind), part.low, part.high)] if part else []
        if found != asked or not all(demand.is_met(row.num_words) for demand in found):
            raise ValueError(f"{row.id}: the query does not say the demand that its response meets")
