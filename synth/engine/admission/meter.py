"""How long an engine had room although there was work."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RoomTimes:
    """Times of a run, in seconds of any monotonic clock."""

    seconds: float
    """From the first request until the last piece of work was begun."""
    bubble_seconds: float
    """The part of it in which there was room."""


class RoomMeter:
    """Adds up bubbles: time in which fewer requests were admitted than the engine can run.

    It stops with the last piece of work that could have filled the room.

    Units: seconds of any monotonic clock.
    """

    def __init__(self, num_seqs: int) -> None:
        self._num_seqs = num_seqs
        self._num_admitted = 0
        self._since_s: float | None = None
        self._is_over = False
        self._seconds = 0.0
        self._bubble_seconds = 0.0

    @property
    def times(self) -> RoomTimes:
        """The times until now."""
        return RoomTimes(self._seconds, self._bubble_seconds)

    def note(self, num_admitted: int, now_s: float) -> None:
        """Note that so many requests are admitted from now on."""
        if self._is_over:
            return
        if self._since_s is not None:
            self._seconds += now_s - self._since_s
            if self._num_admitted < self._num_seqs:
                self._bubble_seconds += now_s - self._since_s
        self._since_s = now_s
        self._num_admitted = num_admitted

    def finish(self, now_s: float) -> None:
        """Note that all work has begun: room is no bubble any more."""
        self.note(self._num_admitted, now_s)
        self._is_over = True
