"""How a replica is doing, as it reports itself."""

from dataclasses import dataclass

from synth.engine.admission import RoomTimes
from synth.engine.base import EngineLoad
from synth.method.books.verdicts import Verdicts
from synth.run.tally import Totals


@dataclass(frozen=True)
class Status:
    """One report."""

    load: EngineLoad
    open_totals: Totals
    """Sums over the cohorts that are under way."""
    num_open: int
    num_replayed: int
    times: RoomTimes
    verdicts: Verdicts
