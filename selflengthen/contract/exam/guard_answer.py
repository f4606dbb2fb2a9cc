"""`answers/SUBJECT.jsonl` of `synth guard`: answers to short prompts of ordinary use."""

from selflengthen.contract.exam.answer import ExamAnswer


class GuardAnswer(ExamAnswer):
    """One answer, and how likely it is to the one who gave it and to the base model."""

    prompt: str
    task_kind: str
    language: str
    num_scored_tokens: int
    """Tokens of the answer whose log probabilities are summed up below; 0: none, of the base."""
    log_probability: float | None
    """Of the answer, by the subject, in nats."""
    base_log_probability: float | None
    """Of the same answer, by the base model."""
