"""Streams of vLLM's outputs, read to their end."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from synth.engine.base import Completion, FinishReason, WatchCall
from synth.engine.chat import Encoded, log_probability_of, probability_of
from synth.engine.errors import failed


async def read(
    stream: Any,  # noqa: ANN401 - of vLLM
    watch: WatchCall | None,
    choices: Mapping[int, str],
    abort: Callable[[], Awaitable[None]],
) -> Completion:
    """Read a stream of deltas to its end, which the watch's objection brings about.

    vLLM ends an aborted stream with the tokens that it had not sent yet, so that all are counted.
    Where there are choices, by their first token, the text is the one that the model chose.
    """
    pieces: list[str] = []
    num_prompt_tokens = num_cached_tokens = num_generated_tokens = 0
    finish_reason, detail = FinishReason.ERROR, "engine_error: the stream ended early"
    objection: str | None = None
    probability: float | None = None
    async for output in stream:
        piece = output.outputs[0]
        pieces.append(choices[piece.token_ids[0]] if choices else piece.text)
        if choices:
            probability = probability_of(piece.token_ids[0], choices, _logprobs(piece))
        num_generated_tokens += len(piece.token_ids)
        num_prompt_tokens = len(output.prompt_token_ids or ()) or num_prompt_tokens
        num_cached_tokens = output.num_cached_tokens or num_cached_tokens
        if piece.finish_reason is not None:
            finish_reason, detail = FinishReason(piece.finish_reason), ""
        elif watch and not objection and (objection := watch(piece.text)):
            await abort()
    if objection:
        finish_reason, detail = FinishReason.ABORT, objection
    return Completion(
        text="".join(pieces),
        finish_reason=finish_reason,
        num_prompt_tokens=num_prompt_tokens,
        num_cached_tokens=num_cached_tokens,
        num_generated_tokens=num_generated_tokens,
        detail=detail or None,
        probability=probability,
    )


async def read_score(
    stream: Any,  # noqa: ANN401 - of vLLM
    prompt: Encoded,
) -> Completion:
    """Read the log probability of the end of a prompt."""
    async for output in stream:
        if output.prompt_logprobs:
            return Completion(
                text="",
                finish_reason=FinishReason.STOP,
                num_prompt_tokens=len(prompt.ids),
                num_cached_tokens=0,
                num_generated_tokens=1,
                log_probability=log_probability_of(
                    prompt.ids, output.prompt_logprobs, prompt.num_scored
                ),
                num_scored_tokens=prompt.num_scored,
            )
    return failed("engine_error: vLLM gave no log probabilities")


def _logprobs(piece: Any) -> dict[int, float]:  # noqa: ANN401 - of vLLM
    """Return the log probabilities of the first token and those asked for beside it."""
    first = piece.logprobs[0] if piece.logprobs else {}
    return {token_id: found.logprob for token_id, found in first.items()}
