"""The tally of a run on many replicas: receipts as sums, the rest as the replicas report."""

from dataclasses import dataclass, field

from synth.cluster.status import Status
from synth.engine.admission import RoomTimes
from synth.engine.base import EngineLoad
from synth.engine.load import ended, sum_loads
from synth.method.books.verdicts import Verdicts
from synth.run.tally import Tally, Totals


@dataclass
class ClusterTally(Tally):
    """Adds what is open on the replicas to what is complete."""

    statuses: dict[int, Status] = field(default_factory=dict)
    """The last report of each replica."""
    ended: list[EngineLoad] = field(default_factory=list)
    """What the engines of replicas that died had done by their last report."""

    def totals(self) -> Totals:
        """Add up complete and open cohorts."""
        totals = super().totals()
        for status in self.statuses.values():
            opened = status.open_totals
            totals.add(opened.ledger, opened.counts, opened.exhaustions)
        return totals

    @property
    def num_open(self) -> int:
        """Cohorts that are under way."""
        return sum(status.num_open for status in self.statuses.values())

    def end_status(self, replica: int) -> None:
        """Note that a replica died: its engine's counters stay, what was open is open elsewhere."""
        status = self.statuses.pop(replica, None)
        if status is not None:
            self.ended.append(ended(status.load))

    def all_verdicts(self) -> Verdicts:
        """Add up what the replicas that live report."""
        return self.verdicts.add(status.verdicts for status in self.statuses.values())

    def load(self) -> EngineLoad:
        """Return the loads of all engines together."""
        return sum_loads([*(status.load for status in self.statuses.values()), *self.ended])

    def times(self) -> RoomTimes:
        """Return the mean over replicas of the time with room in their engines."""
        all_times = [status.times for status in self.statuses.values()]
        number = len(all_times) or 1
        return RoomTimes(
            sum(times.seconds for times in all_times) / number,
            sum(times.bubble_seconds for times in all_times) / number,
        )

    def num_replayed(self) -> int:
        """Return how many completions replicas took from journals."""
        return sum(status.num_replayed for status in self.statuses.values())
