"""Ctrl-C and SIGTERM: the first ends a training at the next step, with a checkpoint."""

import signal
from contextlib import AbstractContextManager
from types import FrameType

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from selflengthen.errors import EXIT_INTERRUPTED
from selflengthen.process.signals import SIGNALS, handled_by
from train.errors import TrainingError


class InterruptedTrainingError(TrainingError):
    """A person or a scheduler stopped the training."""

    exit_code = EXIT_INTERRUPTED


class StopSignal(TrainerCallback):  # type: ignore[misc]
    """Remembers a first signal; a second one has its usual effect."""

    def __init__(self) -> None:
        self._received = False

    def listening(self) -> AbstractContextManager[None]:
        """Take the signals over for a block."""
        return handled_by(self._receive)

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
        for each in SIGNALS:
            signal.signal(each, signal.SIG_DFL)
