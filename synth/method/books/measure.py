"""What a held-out measure came to: lengths and tokens."""

from collections import Counter
from collections.abc import Iterable, Sequence

from selflengthen.contract.held_out import HeldOutAnswer, HeldOutSummary
from selflengthen.percentiles import percentiles
from synth.engine.base import FinishReason, Tokens
from synth.method.books.ledger import ERROR, MEASURED, Ledger
from synth.method.stages import Stage


def summarize_held_out(answers: Sequence[HeldOutAnswer]) -> HeldOutSummary | None:
    """Sum answers up; requests that failed have no length."""
    if not answers:
        return None
    finish_reasons = [answer.finish_reason for answer in answers]
    num_words: Counter[float] = Counter(
        answer.num_words for answer in answers if answer.finish_reason != FinishReason.ERROR
    )
    words: dict[str, float] = {}
    if num_words:
        mean = sum(num_words.elements()) / num_words.total()
        words = {"mean": round(mean, 1), **percentiles(num_words)}
    return HeldOutSummary(
        generator=answers[0].generator,
        num_answers=num_words.total(),
        truncated=finish_reasons.count(FinishReason.LENGTH),
        passed=sum(answer.reason is None for answer in answers),
        errors=finish_reasons.count(FinishReason.ERROR),
        num_words=words,
    )


def ledger_of(answers: Iterable[HeldOutAnswer]) -> Ledger:
    """Return the ledger of answers."""
    ledger = Ledger()
    for answer in answers:
        tokens = answer.tokens
        outcome = ERROR if answer.finish_reason == FinishReason.ERROR else MEASURED
        counted = Tokens(1, tokens.prompt, tokens.cached, tokens.generated)
        ledger.add_tokens(Stage.HELD_OUT, outcome, counted)
    return ledger
