"""Where an adapter comes from: written beside its weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selflengthen.chat.template_date import as_input
from selflengthen.resolved_config import versions
from train.data.example import Example, Examples

if TYPE_CHECKING:
    from train.data.inputs import TrainingInputs

PACKAGES = (
    "self-lengthen",
    "torch",
    "transformers",
    "trl",
    "peft",
    "accelerate",
    "datasets",
    "tokenizers",
)


def provenance_of(
    inputs: "TrainingInputs", examples: Examples, template_sha256: str
) -> dict[str, Any]:
    """Collect what an adapter was made of; its metrics come later."""
    kept, config, continued = examples.kept, inputs.config, inputs.continued
    return {
        "base_model": config.model.name,
        "base_revision": config.model.revision,
        "chat_template_sha256": template_sha256,
        **as_input(inputs.today),
        "config": config.model_dump(mode="json"),
        "shards": [shard.describe() for shard in inputs.shards],
        "continued_adapter": continued.describe() if continued else None,
        "rows": {
            "used": len(kept),
            "dropped_over_long": [_describe(example) for example in examples.over_long],
        },
        "tokens": {
            "prompt": sum(len(example.prompt_ids) for example in kept),
            "completion": sum(len(example.completion_ids) for example in kept),
        },
        "versions": versions(PACKAGES),
    }


def training_metrics(steps: Sequence[dict[str, Any]], epochs: int) -> dict[str, Any]:
    """Sum a training up: its losses, in nats per token, and its steps."""
    losses = [row["loss"] for row in steps if "loss" in row]
    last_epoch = losses[-max(1, len(losses) // epochs) :]
    evaluations = [row["eval_loss"] for row in steps if "eval_loss" in row]
    return {
        "first_loss": losses[0],
        "loss": sum(last_epoch) / len(last_epoch),
        "eval_loss": evaluations[-1] if evaluations else None,
        "steps": len(losses),
        "tokens_seen": int(steps[-1].get("num_tokens", 0)),
    }


def _describe(example: Example) -> dict[str, Any]:
    return {"id": example.id, "num_tokens": example.num_tokens}
