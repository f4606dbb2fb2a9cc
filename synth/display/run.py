"""What a person sees of a run: a live panel on a terminal, else a line; a table at the end."""

from datetime import timedelta

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from selflengthen.contract.held_out import HeldOutSummary
from selflengthen.contract.metrics import Metrics, Schedule
from synth.method.stages import DECIDING_STAGES, STAGES

_MAX_REASONS = 3
_MIN_SCHEDULED_S = 1.0


def panel(metrics: Metrics, max_num_seqs: int) -> RenderableType:
    """Render the live view."""
    engine, tokens = metrics.engine, metrics.tokens
    speed = f"{metrics.tokens_per_s_now:,.0f} tokens/s now, {metrics.tokens_per_s:,.0f} overall"
    num_seqs = max_num_seqs * engine.num_engines
    load = (
        f"running {engine.num_running}/{num_seqs}, waiting {engine.num_waiting}, "
        f"KV cache {engine.kv_cache_usage:.0%}, prefix hits {engine.prefix_hit_rate:.0%}"
    )
    return Group(
        _bar(metrics),
        acceptance_table(metrics),
        Text(f"{speed}; {tokens.generated:,} generated"),
        Text(load),
    )


def line(metrics: Metrics) -> str:
    """Render one plain line for logs."""
    samples, engine = metrics.samples, metrics.engine
    return (
        f"[{_duration(metrics.seconds)}] "
        f"instructions {samples.instructions}/{metrics.asked}, "
        f"initial {samples.initial}, extended {samples.extended}, "
        f"records {samples.records}, "
        f"cohorts {metrics.cohorts.complete}/{metrics.cohorts.total}, "
        f"{metrics.tokens_per_s_now:,.0f} tokens/s now, "
        f"{metrics.tokens_per_s:,.0f} overall, "
        f"running {engine.num_running}, KV cache {engine.kv_cache_usage:.0%}, "
        f"prefix hits {engine.prefix_hit_rate:.0%}, left {_time_left(metrics)}"
    )


def final_table(metrics: Metrics, folder: str) -> RenderableType:
    """Render the table at the end of a run, and of `synth status`."""
    table = Table(title=f"iteration {metrics.iteration}: {metrics.state}", show_header=False)
    for name, value in _facts(metrics, folder):
        table.add_row(name, value)
    return Group(table, acceptance_table(metrics))


def acceptance_table(metrics: Metrics) -> Table:
    """Render acceptance by stage with the commonest reasons."""
    table = Table("stage", "requests", "kept", "commonest reasons", expand=False)
    for stage in DECIDING_STAGES:
        row = metrics.acceptance[stage]
        requests, kept = row.requests, row.kept
        reasons = ", ".join(
            f"{outcome.removeprefix('rejected:')} {number}"
            for outcome, number in list(row.dropped.items())[:_MAX_REASONS]
        )
        share = f" ({kept / requests:.0%})" if requests else ""
        table.add_row(STAGES[stage].title, f"{requests:,}", f"{kept:,}{share}", reasons or "-")
    return table


def held_out_line(held_out: HeldOutSummary) -> str:
    """Render the held-out measure."""
    words = held_out.num_words
    median = f"median {words['p50']:,} words" if words else "no length"
    errors = f", {held_out.errors} failed" if held_out.errors else ""
    return (
        f"{held_out.num_answers} of {held_out.generator}, {median}, "
        f"{held_out.truncated} truncated, {held_out.passed} pass the filter{errors}"
    )


def _facts(metrics: Metrics, folder: str) -> list[tuple[str, str]]:
    samples, tokens, words = metrics.samples, metrics.tokens, metrics.num_words
    facts = [
        ("instructions", f"{samples.instructions:,} accepted of {metrics.asked:,} asked"),
        (
            "initial responses",
            f"{samples.initial:,} passed, {samples.initial_kept:,} after length sampling",
        ),
        (
            "extended responses",
            f"{samples.extended:,} passed, {samples.records:,} after length sampling",
        ),
    ]
    if words:
        initial, response, growth = words["initial"], words["response"], words["growth"]
        facts += [
            ("words, median", f"{initial.p50:,} -> {response.p50:,}"),
            ("words, p90", f"{initial.p90:,} -> {response.p90:,}"),
            ("growth", f"median {growth.p50:.2f} x, p90 {growth.p90:.2f} x"),
        ]
    if metrics.held_out:
        facts.append(("held-out answers", held_out_line(metrics.held_out)))
    return [
        *facts,
        (
            "generated tokens",
            f"{tokens.generated:,}: kept {tokens.kept:,}, rejected {tokens.rejected:,}, "
            f"aborted {tokens.aborted:,}, measured {tokens.measured:,}",
        ),
        *_engine_facts(metrics),
        ("speed", f"{metrics.tokens_per_s:,.0f} generated tokens/s"),
        ("time", _duration(metrics.seconds)),
        *_replay_fact(metrics),
        *_death_fact(metrics),
        ("cohorts", f"{metrics.cohorts.complete:,} of {metrics.cohorts.total:,}"),
        ("files", escape(folder)),
    ]


def _engine_facts(metrics: Metrics) -> list[tuple[str, str]]:
    """Tell how well the engine was used, once it generated something."""
    schedule, goodput = metrics.schedule, metrics.goodput
    if goodput.token_share is None:
        return []
    return [
        ("saved by aborts", f"about {metrics.tokens.saved:,} tokens"),
        (
            "goodput",
            f"{goodput.token_share:.0%} of the tokens, "
            f"{goodput.accepted_words_per_engine_hour:,} words an engine-hour",
        ),
        ("engine", f"occupancy {schedule.occupancy:.0%}{_bubbles(schedule)}"),
    ]


def _replay_fact(metrics: Metrics) -> list[tuple[str, str]]:
    num_replayed = metrics.replayed
    return [("replayed", f"{num_replayed:,} completions of an earlier run")] if num_replayed else []


def _death_fact(metrics: Metrics) -> list[tuple[str, str]]:
    num_deaths = metrics.engine.num_deaths
    if not num_deaths:
        return []
    lost = f"{metrics.tokens.retried:,} tokens were generated in vain"
    return [("deaths of the engine", f"{num_deaths}; {lost}")]


def _bubbles(schedule: Schedule) -> str:
    """Tell how long the engine had room; of a run that begins all at once there is no telling."""
    seconds, bubble_seconds = schedule.seconds_until_last_cohort, schedule.bubble_seconds
    if seconds < _MIN_SCHEDULED_S:
        return ""
    return f", room left {bubble_seconds / seconds:.1%} of the time until the last cohort began"


def _bar(metrics: Metrics) -> Table:
    grid = Table.grid(padding=(0, 1))
    samples = metrics.samples
    elapsed, left = metrics.seconds, metrics.seconds_left
    done = elapsed / (elapsed + left) if left is not None and elapsed + left else 0.0
    counts = ", ".join(
        f"{name.replace('_', ' ')} {number:,}" for name, number in samples.model_dump().items()
    )
    grid.add_row(
        f"iteration {metrics.iteration}",
        ProgressBar(total=1.0, completed=done, width=30),
        f"{_duration(elapsed)}, left {_time_left(metrics)}",
    )
    outer = Table.grid()
    outer.add_row(grid)
    outer.add_row(counts)
    return outer


def _time_left(metrics: Metrics) -> str:
    left = metrics.seconds_left
    return "unknown" if left is None else f"about {_duration(left)}"


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
