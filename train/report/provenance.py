"""Where an adapter comes from: written beside its weights."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from selflengthen.contract.provenance import (
    OverLongRow,
    Provenance,
    RowCounts,
    TrainedTokens,
    TrainingMetrics,
)
from selflengthen.resolved_config import versions
from train.data.example import Examples

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
    inputs: "TrainingInputs",
    examples: Examples,
    template_sha256: str,
    weights_sha256: str,
    metrics: TrainingMetrics,
) -> Provenance:
    """Collect what an adapter was made of, and how its training went."""
    kept, config, continued = examples.kept, inputs.config, inputs.continued
    over_long = (
        OverLongRow(id=example.id, num_tokens=example.num_tokens) for example in examples.over_long
    )
    return Provenance(
        base_model=config.model.name,
        base_revision=config.model.revision,
        chat_template_sha256=template_sha256,
        template_date=inputs.today.isoformat() if inputs.today else None,
        config=config.model_dump(mode="json"),
        shards=tuple(shard.describe() for shard in inputs.shards),
        continued_adapter=continued.describe() if continued else None,
        rows=RowCounts(used=len(kept), dropped_over_long=tuple(over_long)),
        tokens=TrainedTokens(
            prompt=sum(len(example.prompt_ids) for example in kept),
            completion=sum(len(example.completion_ids) for example in kept),
        ),
        versions=versions(PACKAGES),
        weights_sha256=weights_sha256,
        metrics=metrics,
    )


def training_metrics(steps: Sequence[dict[str, Any]], epochs: int) -> TrainingMetrics:
    """Sum a training up: its losses, in nats per token, and its steps."""
    losses = [row["loss"] for row in steps if "loss" in row]
    last_epoch = losses[-max(1, len(losses) // epochs) :]
    evaluations = [row["eval_loss"] for row in steps if "eval_loss" in row]
    return TrainingMetrics(
        first_loss=losses[0],
        loss=sum(last_epoch) / len(last_epoch),
        eval_loss=evaluations[-1] if evaluations else None,
        steps=len(losses),
        tokens_seen=int(steps[-1].get("num_tokens", 0)),
    )
