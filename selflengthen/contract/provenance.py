"""`provenance.json`: what an adapter was made of; its presence means trained."""

from typing import Any

from selflengthen.contract.base import Contract, Part


class ShardSource(Part):
    """A file of rows."""

    path: str
    sha256: str
    rows: int


class AdapterSource(Part):
    """The adapter that was trained further."""

    path: str
    weights_sha256: str


class OverLongRow(Part):
    """A row that was left out."""

    id: str
    num_tokens: int


class RowCounts(Part):
    """What became of the rows."""

    used: int
    dropped_over_long: tuple[OverLongRow, ...]


class TrainedTokens(Part):
    """Tokens of the rows that were used."""

    prompt: int
    completion: int


class TrainingMetrics(Part):
    """A training summed up; losses in nats per token."""

    first_loss: float
    loss: float
    """Mean over the last epoch."""
    eval_loss: float | None
    steps: int
    tokens_seen: int


class Provenance(Contract):
    """Where an adapter comes from."""

    base_model: str
    base_revision: str | None
    chat_template_sha256: str
    template_date: str | None = None
    """The day that the chat template was told, as `YYYY-MM-DD`."""
    config: dict[str, Any]
    """The resolved configuration of the training."""
    shards: tuple[ShardSource, ...]
    continued_adapter: AdapterSource | None
    rows: RowCounts
    tokens: TrainedTokens
    versions: dict[str, str]
    """Of the packages in use."""
    weights_sha256: str
    metrics: TrainingMetrics
