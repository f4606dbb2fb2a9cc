"""Every account of a complete run agrees with every other: called after each scripted run."""

from collections import Counter

import orjson

from selflengthen.contract.receipt import Receipt
from selflengthen.contract.reject import Reject
from selflengthen.files.json_file import read_as, read_rows
from synth.method.stages import Stage

_WRITTEN_OFF = "near_duplicate"
"""Responses to a near-duplicate: how far they got depends on timing, so they are not written."""


def reconcile(files, config, metrics):
    """Assert that ledger, rejects, receipts, records, rows and samples agree."""
    receipts = [read_as(Receipt, path, "") for path in files.folder.glob("journal/*.complete.json")]
    rejects = [row for path in files.folder.glob("rejects/*") for row in read_rows(Reject, path)]
    records = list(files.read_records())
    _check_requests(metrics, rejects)
    _check_extensions(metrics, rejects)
    _check_kept(metrics, records)
    _check_samples(metrics, rejects, records, config)
    _check_receipts(metrics, receipts, records)
    left_out = {row.id for row in rejects if row.stage == "row"}
    making_rows = [record.id for record in records if record.id not in left_out]
    assert len(making_rows) == len(records) - len(left_out)
    for role in ("generator", "extender"):
        assert [row.id for row in files.read_rows(role)] == making_rows
    assert metrics.cohorts.complete == metrics.cohorts.total == len(receipts)


def _ledger(metrics, stage):
    """Count a stage's requests by reason; `kept` is one."""
    found = Counter()
    for row in metrics.ledger:
        if row.stage == stage and row.outcome not in ("retried", "speculative"):
            found[row.outcome.rpartition(":")[2]] += row.requests
    return found


def _rejects(rejects, stage):
    return Counter(row.reason for row in rejects if row.stage == stage)


def _check_requests(metrics, rejects):
    """Each dropped text of one request stands in the rejects, and nothing else does."""
    for stage in (Stage.EXPAND, Stage.GENERATE):
        dropped, written = _ledger(metrics, stage), _rejects(rejects, stage)
        dropped.pop("kept", None)
        if stage is Stage.GENERATE:
            dropped.pop(_WRITTEN_OFF, None)
        # The ledger has one outcome for all errors.
        num_errors = dropped.pop("error", 0)
        errors = {reason: n for reason, n in written.items() if reason not in dropped}
        assert sum(errors.values()) == num_errors, (stage, errors, num_errors)
        assert {reason: written[reason] for reason in dropped} == dict(dropped), stage
    for stage, row in metrics.acceptance.items():
        found = _ledger(metrics, stage)
        assert row.requests == found.total()
        assert row.kept == found["kept"]
        assert sum(row.dropped.values()) == row.requests - row.kept


def _check_extensions(metrics, rejects):
    """Rounds that were dropped are two requests, or one if stage 1 failed."""
    heads, tails = _ledger(metrics, Stage.EXTEND_HEAD), _ledger(metrics, Stage.EXTEND_TAIL)
    failed = _rejects(rejects, Stage.EXTEND_HEAD)
    assert heads.total() - sum(failed.values()) == tails.total()
    by_round = [row for row in rejects if row.stage == Stage.EXTEND_TAIL and "/extend_" in row.id]
    in_rounds = Counter(row.reason for row in by_round)
    of_tries = ("too_little_growth", "length_sampled", "kept", "error")
    for reason, number in tails.items():
        if reason not in of_tries:
            assert in_rounds[reason] == number, reason


def _check_kept(metrics, records):
    """What served its purpose to the end is booked as kept, and nothing else is."""
    kept = {stage: _ledger(metrics, stage)["kept"] for stage in Stage}
    rounds = sum(step.kept for record in records for step in record.micro_iterations)
    assert kept[Stage.EXPAND] == metrics.samples.instructions
    assert kept[Stage.GENERATE] == metrics.samples.initial_kept
    assert kept[Stage.EXTEND_HEAD] == kept[Stage.EXTEND_TAIL] == rounds


def _check_samples(metrics, rejects, records, config):
    samples, exhausted = metrics.samples, metrics.exhausted
    dropped = Counter(row.stage for row in rejects if row.reason == "length_sampled")
    assert samples.initial - samples.initial_kept == dropped[Stage.GENERATE]
    assert samples.extended - samples.records == dropped[Stage.EXTEND_TAIL]
    assert samples.records == len(records)
    assert config.num_instructions - samples.instructions == exhausted.get("expand", 0)
    num_asked = samples.instructions * config.generate.responses
    assert num_asked - samples.initial == exhausted.get("generate", 0)
    num_asked = samples.initial_kept * config.extend.extensions
    assert num_asked - samples.extended == exhausted.get("extend_tail", 0)
    assert metrics.goodput.accepted_words == sum(record.num_words.response for record in records)
    # An initial response may be in several records: its tokens count once, its own not at all.
    initial = Counter()
    for record in records:
        initial[record.id.rpartition("-e")[0]] += 1
    assert metrics.goodput.accepted_tokens <= sum(record.tokens.generated for record in records)
    assert (max(initial.values(), default=1) == 1) <= (
        metrics.goodput.accepted_tokens == sum(record.tokens.generated for record in records)
    )


def _check_receipts(metrics, receipts, records):
    samples = metrics.samples.model_dump()
    counts = sum((Counter(receipt.counts) for receipt in receipts), Counter())
    assert {name: counts[name] for name in samples} == samples
    assert counts["slots_expanded"] == sum(
        len(receipt.instructions) + receipt.exhaustions.get("expand", 0) for receipt in receipts
    )
    exhausted = sum((Counter(receipt.exhaustions) for receipt in receipts), Counter())
    assert dict(exhausted) == metrics.exhausted
    assert sum(len(receipt.record_words) for receipt in receipts) == len(records)
    assert sum(receipt.accepted_tokens for receipt in receipts) == metrics.goodput.accepted_tokens
    ours = Counter()
    for row in (row for receipt in receipts for row in receipt.ledger):
        ours[row.stage, row.outcome] += row.requests
    theirs = {
        (row.stage, row.outcome): row.requests
        for row in metrics.ledger
        if row.stage != Stage.HELD_OUT and row.outcome != "retried"
    }
    assert dict(ours) == theirs
    tokens, total = metrics.tokens, sum(row.generated for row in metrics.ledger)
    settled = tokens.kept + tokens.aborted + tokens.measured + tokens.rejected
    assert tokens.generated == total == settled + tokens.retried + tokens.speculative
    assert min(tokens.model_dump().values()) >= 0


def served(files):
    """Return how many requests are booked in all."""
    metrics = orjson.loads(files.metrics.read_bytes())
    return sum(row["requests"] for row in metrics["ledger"] if row["outcome"] != "retried")
