"""What a training is made of: its configuration, the rows, the adapter it goes on from, the day."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any

from selflengthen.adapter.digest import PROVENANCE_FILE
from selflengthen.chat.template_date import as_input, date_of_adapter, date_of_directory
from selflengthen.resolved_config import resolve
from train.config import TrainConfig
from train.data.row import Row
from train.data.shard_reader import Shard
from train.report.provenance import PACKAGES
from train.training_directory import TrainingDirectory

if TYPE_CHECKING:
    from train.adapter.continued import ContinuedAdapter


@dataclass(frozen=True, slots=True)
class TrainingInputs:
    """Everything that decides what an adapter becomes."""

    config: TrainConfig
    shards: tuple[Shard, ...]
    continued: "ContinuedAdapter | None"
    today: date | None
    """The day that chat templates are told; None: the real one."""

    @property
    def rows(self) -> list[Row]:
        """The rows of all shards."""
        return [row for shard in self.shards for row in shard.rows]

    @property
    def previous(self) -> Path | None:
        """Folder of the adapter that is trained further."""
        return self.continued.folder if self.continued else None

    def resolve(self) -> dict[str, Any]:
        """Return what `config.json` holds."""
        inputs = {
            "shards_sha256": [shard.sha256 for shard in self.shards],
            "continued_adapter_sha256": self.continued.weights_sha256 if self.continued else None,
            **as_input(self.today),
        }
        return resolve(self.config, inputs, PACKAGES)


def training_date(
    config: TrainConfig,
    directory: TrainingDirectory,
    shards: tuple[Shard, ...],
    previous: Path | None,
) -> date | None:
    """Return the day that chat templates are told; None in a directory that never fixed one.

    It is the one that the adapter will be served with: that of the run which wrote the rows.
    """
    if config.model.template_date is not None:
        return config.model.template_date
    if (begun := directory.begun_config()) is not None:
        return date_of_directory(begun)
    days = [date_of_directory(shard.run_config) for shard in shards]
    if previous is not None:
        days.append(date_of_adapter(previous / PROVENANCE_FILE))
    return next(filter(None, days), None) or date.today()
