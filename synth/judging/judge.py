"""The judge: a model of the user's, and how it is asked."""

import hashlib
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from selflengthen.chat.messages import conversation
from selflengthen.contract.exam.eval_answer import EvalAnswer
from synth.engine.base import Decoding, EngineSpec, Request
from synth.engine.config import Sampling
from synth.eval_config import EvalJudgeConfig
from synth.method.recipe import derive_seed

CHOICES = ("A", "B")
"""The names of two answers, in the order in which they are shown."""

_TEMPLATES = Path(__file__).parents[1] / "eval" / "prompts"
_ENVIRONMENT = Environment(loader=FileSystemLoader(_TEMPLATES), undefined=StrictUndefined)
# Source: LongWriter, `get_response_gpt4` in `evaluation/eval_quality.py`, commit ca6ccd4.
_SAMPLING = Sampling(temperature=0.5, top_k=0, repetition_penalty=1.0)


@dataclass(frozen=True, slots=True)
class Judge:
    """Who judges, and with which seeds."""

    config: EvalJudgeConfig
    seed: int
    today: date | None
    """The day that chat templates are told."""

    def spec(self) -> EngineSpec:
        """Return what its engine is started for."""
        return EngineSpec(self.config.model, self.config.engine, choices=CHOICES, today=self.today)

    def rating_request(self, answer: EvalAnswer, attempt: int) -> Request:
        """Ask for six scores; every attempt draws from another seed."""
        user = _render("rate", query=answer.query, response=answer.response)
        return self._request(f"rate-{answer.id}-a{attempt}", user, answer)

    def comparison_request(self, first: EvalAnswer, second: EvalAnswer) -> Request:
        """Ask which of two answers to one request is better."""
        user = _render("compare", query=first.query, first=first.response, second=second.response)
        return self._request(f"compare-{first.id}-{second.id}", user, first, CHOICES)

    def _request(
        self, request_id: str, user: str, about: EvalAnswer, choices: tuple[str, ...] = ()
    ) -> Request:
        limit = 1 if choices else self.config.max_completion_tokens
        return Request(
            id=request_id,
            messages=conversation(user, self.config.model.system_prompt),
            decoding=Decoding(limit, _SAMPLING, derive_seed(self.seed, request_id)),
            choices=choices,
            kind="judge",
            affinity=int(request_of(about.id, about.subject)),
        )


def prompts_digest() -> str:
    """Return the SHA-256 over the templates."""
    sources = [(_TEMPLATES / f"{name}.j2").read_bytes() for name in ("rate", "compare")]
    return hashlib.sha256(b"\0".join(sources)).hexdigest()


def texts_digest(*texts: str) -> str:
    """Return the SHA-256 over some texts, in their order."""
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()


def place_of(answer_id: str, subject: str) -> str:
    """Return an answer's place among a subject's: the request's number and the answer's."""
    return answer_id.removeprefix(f"{subject}-")


def request_of(answer_id: str, subject: str) -> str:
    """Return the number of the request that an answer is to, in digits."""
    return place_of(answer_id, subject).rpartition("-r")[0]


def _render(name: str, **values: str) -> str:
    return _ENVIRONMENT.get_template(f"{name}.j2").render(values)
