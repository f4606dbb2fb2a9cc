"""Ctrl-C and SIGTERM: the first ends a training at the next step, with a checkpoint."""

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from selflengthen.errors import EXIT_INTERRUPTED
from train.errors import TrainingError

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class InterruptedTrainingError(TrainingError):
    """A person or a scheduler stopped the training."""

    exit_code = EXIT_INTERRUPTED


class StopSignal(TrainerCallback):  # type: ignore[misc]
    """Remembers a first signal; a second one has its usual effect."""

    def __init__(self) -> None:
        self._received = False

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over for the block."""
        earlier = {number: signal.signal(number, self._receive) for number in _SIGNALS}
        try:
            yield
        finally:
            for number, handler in earlier.items():
                signal.signal(number, handler)

    def on_step_end(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        **_: object,
    ) -> None:
        """Save and stop, once a signal came."""
        if self._received:
            control.should_save = control.should_training_stop = True

    def raise_if_received(self) -> None:
        """Raise: InterruptedTrainingError: a signal came."""
        if self._received:
            raise InterruptedTrainingError(
                "interrupted; the same command goes on from the last checkpoint"
            )

    def _receive(self, number: int, frame: FrameType | None) -> None:
        self._received = True
        for each in _SIGNALS:
            signal.signal(each, signal.SIG_DFL)
