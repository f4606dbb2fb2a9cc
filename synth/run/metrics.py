"""The summary of a run: what `metrics.json` holds and every display shows.

`samples` counts how far things got: `instructions`, `initial` (passed the filter), `initial_kept`
(survived length sampling), `extended` (passed and grew), `records` (survived length sampling).
Books also count `slots_expanded`: those that found an instruction or gave up.
`schedule`, `engine` and `replayed` are of the process that wrote them; `replayed` counts the
completions that it took over from the journals of an earlier one.
"""

from dataclasses import asdict
from typing import Any

from selflengthen.percentiles import percentiles
from synth.config import RunConfig
from synth.engine.admission import RoomTimes
from synth.engine.base import EngineLoad, Stage
from synth.method.books.ledger import KEPT, MEASURED, RETRIED, Ledger
from synth.method.recipe import Recipe
from synth.run.tally import RecordWords, Tally, Totals

JsonRow = dict[str, Any]

_SAMPLES = ("instructions", "initial", "initial_kept", "extended", "records")
# Share of a slot's work up to each stage's end, for the estimate of the time left.
_EXPAND_WEIGHT, _GENERATE_WEIGHT, _EXTEND_WEIGHT = 0.1, 0.25, 0.65


def summarize(
    recipe: Recipe,
    tally: Tally,
    *,
    state: str,
    seconds: float,
    engine: EngineLoad,
    times: RoomTimes,
    num_replayed: int,
    tokens_per_s: float,
    tokens_per_s_now: float,
) -> JsonRow:
    """Sum a run up as one JSON object."""
    totals, config = tally.totals(), recipe.config
    ledger = _with_losses(totals.ledger, engine)
    return {
        "state": state,
        "iteration": recipe.iteration,
        "asked": config.num_instructions,
        "cohorts": {
            "total": recipe.plan.num_cohorts,
            "open": tally.num_open,
            "complete": tally.num_complete,
        },
        "samples": {name: totals.counts[name] for name in _SAMPLES},
        "acceptance": _acceptance(totals),
        "exhausted": dict(sorted(totals.exhaustions.items())),
        "tokens": _tokens(ledger),
        "goodput": _goodput(tally, ledger.total().generated, seconds),
        "schedule": {
            "occupancy": round(
                engine.mean_running / (config.engine.max_num_seqs * max(1, engine.num_engines)), 4
            ),
            "bubble_seconds": round(times.bubble_seconds, 2),
            "seconds_until_last_cohort": round(times.seconds, 2),
        },
        "num_words": _word_percentiles(tally.record_words),
        "held_out": tally.held_out,
        "replayed": num_replayed,
        "seconds": round(seconds, 1),
        "seconds_left": _seconds_left(config, totals, seconds),
        "tokens_per_s": round(tokens_per_s, 1),
        "tokens_per_s_now": round(tokens_per_s_now, 1),
        "engine": asdict(engine),
        "ledger": list(ledger.rows()),
    }


def _acceptance(totals: Totals) -> JsonRow:
    """For each stage that decides: requests, those kept, and the others by outcome."""
    acceptance = {}
    for stage in (Stage.EXPAND, Stage.GENERATE, Stage.EXTEND_TAIL):
        outcomes = totals.ledger.reasons(stage)
        ranked = sorted(outcomes.items(), key=lambda item: (-item[1], item[0]))
        acceptance[stage.value] = {
            "requests": sum(outcomes.values()),
            "kept": outcomes.get("kept", 0),
            "dropped": {outcome: number for outcome, number in ranked if outcome != "kept"},
        }
    return acceptance


def _with_losses(ledger: Ledger, engine: EngineLoad) -> Ledger:
    """Return a ledger that also has what engines did before they died."""
    whole = Ledger()
    whole.add_rows(ledger.rows())
    for loss in engine.losses:
        whole.add_rows([asdict(loss) | {"outcome": RETRIED}])
    return whole


def _tokens(ledger: Ledger) -> JsonRow:
    """Generated tokens by what became of them; the parts add up to `generated`."""
    total = ledger.total()
    kept = ledger.total(outcome=KEPT).generated
    aborted = ledger.total(outcome="aborted").generated
    measured = ledger.total(outcome=MEASURED).generated
    retried = ledger.total(outcome=RETRIED).generated
    return {
        "prompt": total.prompt,
        "cached": total.cached,
        "generated": total.generated,
        "kept": kept,
        "aborted": aborted,
        "measured": measured,
        "retried": retried,
        "rejected": total.generated - kept - aborted - measured - retried,
        "saved": sum(_saved(ledger, stage) for stage in Stage),
    }


def _saved(ledger: Ledger, stage: Stage) -> int:
    """Estimate the tokens that aborts of a stage saved: had they become as long as the others."""
    every, aborted = ledger.total(stage=stage), ledger.total(stage=stage, outcome="aborted")
    num_others = every.requests - aborted.requests
    if not num_others:
        return 0
    mean_tokens = (every.generated - aborted.generated) / num_others
    return max(0, round(mean_tokens * aborted.requests - aborted.generated))


def _goodput(tally: Tally, num_generated: int, seconds: float) -> JsonRow:
    """What the engine's work came to: tokens of texts in records, words of extended responses."""
    num_words, accepted = tally.record_words.num_words, tally.accepted_tokens
    return {
        "accepted_tokens": accepted,
        "token_share": round(accepted / num_generated, 4) if num_generated else None,
        "accepted_words": num_words,
        "accepted_words_per_engine_hour": round(num_words / seconds * 3600) if seconds else None,
    }


def _word_percentiles(words: RecordWords) -> JsonRow:
    columns = {"initial": words.initial, "response": words.response, "growth": words.growth}
    return {name: percentiles(counts) for name, counts in columns.items() if counts}


def _seconds_left(config: RunConfig, totals: Totals, seconds: float) -> float | None:
    """Estimate from the share of samples that got to the end of each stage."""
    counts, exhausted = totals.counts, totals.exhaustions
    expanded = counts["slots_expanded"] / config.num_instructions
    generated = _share(
        counts["initial"] + exhausted[Stage.GENERATE],
        counts["instructions"] * config.generate.responses,
    )
    extended = _share(
        counts["extended"] + exhausted[Stage.EXTEND_TAIL],
        counts["initial_kept"] * config.extend.extensions,
    )
    share = expanded * (_EXPAND_WEIGHT + generated * (_GENERATE_WEIGHT + extended * _EXTEND_WEIGHT))
    return round(seconds * (1 - share) / share, 1) if share else None


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0
