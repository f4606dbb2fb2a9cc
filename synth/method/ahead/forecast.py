"""The forecast: which initial responses the ranking will probably keep."""

from collections.abc import Callable, Iterable, Sequence

from synth.method.ahead.expecting import Rehearse
from synth.method.ranking import survivors
from synth.method.recipe import CohortContext
from synth.method.sample import InitialResponse

# By their ranks among those that there are; more will come.
_KEPT, _DROPPED, _UNKNOWN = 0.9, 0.2, 0.5


class Forecast:
    """Lets extensions be rehearsed while other responses of the cohort are still missing."""

    def __init__(
        self,
        context: CohortContext,
        rehearsal_of: Callable[[InitialResponse, int, CohortContext], Rehearse],
    ) -> None:
        """Belong to a cohort.

        Args:
            rehearsal_of: What rehearses one of the extensions of a response, by its number.
        """
        self._context = context
        self._rehearsal_of = rehearsal_of
        self._found: list[InitialResponse] = []

    def add(self, response: InitialResponse) -> None:
        """Take a response in, which changes the ranks of the others."""
        if not self._context.ahead.is_listening:
            return
        self._found.append(response)
        for one, likelihood in zip(self._found, self._likelihoods(), strict=True):
            for copy in range(self._context.recipe.config.extend.extensions):
                self._expect(one, copy, likelihood)

    def remove(self, responses: Iterable[InitialResponse]) -> None:
        """Take responses out that will not be extended."""
        gone = {response.id: response for response in responses}
        self._found = [response for response in self._found if response.id not in gone]
        for response in gone.values():
            for copy in range(self._context.recipe.config.extend.extensions):
                self._context.ahead.drop(response.extension_id(copy))

    def decide(self, kept: Sequence[InitialResponse]) -> None:
        """Take those out that the ranking dropped."""
        ids = {response.id for response in kept}
        self.remove([response for response in self._found if response.id not in ids])

    def _likelihoods(self) -> list[float]:
        recipe = self._context.recipe
        if recipe.config.length_sampling.scorer is not None:
            return [_UNKNOWN] * len(self._found)
        kept = survivors(self._found, recipe.config)
        return [_KEPT if is_kept else _DROPPED for is_kept in kept]

    def _expect(self, response: InitialResponse, copy: int, likelihood: float) -> None:
        attempts = self._context.recipe.config.extend.attempts
        rehearse = self._rehearsal_of(response, copy, self._context)
        self._context.ahead.expect(response.extension_id(copy), attempts, rehearse, likelihood)
