"""The breaker: a run of which next to nothing is accepted is stopped, with the reasons."""

import asyncio
from collections.abc import Iterator
from typing import Protocol

from selflengthen.errors import CommandError
from synth.config import BreakerConfig
from synth.method.books.verdicts import StageVerdicts, Verdicts
from synth.run.tally import Progress

_LOOK_S = 0.2
_NUM_REASONS = 3


class BreakerError(CommandError):
    """Next to nothing of what a stage writes is accepted."""


class Reporting(Protocol):
    """What says how far it is."""

    def progress(self) -> Progress:
        """Return what is under way."""


async def trip(config: BreakerConfig, run: Reporting) -> None:
    """Look at a run's verdicts until it has to be stopped; never return.

    Raises: BreakerError: a stage's acceptance is too low.
    """
    while True:
        check_acceptance(config, run.progress().verdicts)
        await asyncio.sleep(_LOOK_S)


def check_acceptance(config: BreakerConfig, verdicts: Verdicts) -> None:
    """Check that enough of every stage's requests were accepted, once there were enough.

    Raises: BreakerError: with the commonest reasons and the last examples.
    """
    for stage, found in verdicts.stages.items():
        enough = config.requests and found.num_requests >= config.requests
        if enough and found.acceptance < config.min_acceptance:
            raise BreakerError("\n".join(_describe(stage, found, config)))


def _describe(stage: str, found: StageVerdicts, config: BreakerConfig) -> Iterator[str]:
    commonest = found.reasons.most_common(_NUM_REASONS)
    reasons = ", ".join(f"{reason} {number}" for reason, number in commonest)
    yield (
        f"{stage}: {found.num_accepted} of {found.num_requests} requests accepted, less than "
        f"breaker.min_acceptance {config.min_acceptance:.3g} ({reasons}); mend the cause, then the "
        "same command goes on, or set breaker.requests: 0"
    )
    for example in found.examples:
        yield f"  {example.id} {example.reason}: {example.beginning}"
