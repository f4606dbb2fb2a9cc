"""The win rate that would be seen between answers of one length."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from filters.measures import Estimate

Floats = NDArray[np.float64]

_RIDGE = 1e-3
"""Keeps the coefficients finite where lengths alone tell who wins."""
_MAX_STEPS = 50
_TOLERANCE = 1e-6
"""Of the slope."""
_RESAMPLES = 2000


def length_controlled_rate(
    outcomes_P: Sequence[float], differences_P: Sequence[float], requests_P: Sequence[str]
) -> Estimate | None:
    """Return the win rate at equal length with its bootstrap interval of 95 % over the requests.

    A logistic regression of the outcome on the difference of lengths, over its standard deviation,
    evaluated at difference 0. Where all differences are alike but not 0, length cannot be told from
    the rest: None.

    Shapes: P pairs: 1 a win, 0.5 a tie, 0 a loss; the request that each is of.
    Units: differences in words, the subject's above the base's.
    Source: AlpacaEval 2, arXiv 2404.04475; simplified: the difference enters as it is, without
    tanh, and there is no term for how hard a request is.

    Raises: ValueError: there is nothing.
    """
    if not outcomes_P:
        raise ValueError("a rate of nothing")
    differences = np.asarray(differences_P, dtype=float)
    spread = differences.std()
    if spread == 0 and differences.any():
        return None
    design_P2 = np.column_stack([np.ones_like(differences), differences / (spread or 1.0)])
    coefficients = fit_logistic(design_P2, np.asarray(outcomes_P, float), _weights(requests_P))
    rates = _sigmoid(coefficients[:, 0])
    low, high = np.quantile(rates[1:], (0.025, 0.975))
    return Estimate(float(rates[0]), float(low), float(high))


def fit_logistic(design_PK: Floats, outcomes_P: Floats, weights_BP: Floats) -> Floats:
    """Fit logistic regressions that differ in their weights only, by Newton's steps.

    Shapes: P outcomes from 0 to 1, K columns, B fits; returns B by K coefficients.
    """
    columns = design_PK.shape[1]
    coefficients_BK = np.zeros((len(weights_BP), columns))
    for _ in range(_MAX_STEPS):
        expected_BP = _sigmoid(coefficients_BK @ design_PK.T)
        slope_BK = (weights_BP * (outcomes_P - expected_BP)) @ design_PK - _RIDGE * coefficients_BK
        if np.abs(slope_BK).max() < _TOLERANCE:
            break
        bend_BP = weights_BP * expected_BP * (1 - expected_BP)
        bend_BKK = np.einsum("bp,pi,pj->bij", bend_BP, design_PK, design_PK, optimize=True)
        bend_BKK += _RIDGE * np.eye(columns)
        coefficients_BK += np.linalg.solve(bend_BKK, slope_BK[..., None])[..., 0]
    return coefficients_BK


def _weights(requests_P: Sequence[str]) -> Floats:
    """Count each pair once, then as often as its request is drawn."""
    _, number_P = np.unique(np.asarray(requests_P), return_inverse=True)
    requests = int(number_P.max()) + 1
    drawn = np.random.default_rng(0).multinomial(
        requests, np.full(requests, 1 / requests), size=_RESAMPLES
    )
    return np.vstack([np.ones(len(requests_P)), drawn[:, number_P]])


def _sigmoid(value: Floats) -> Floats:
    return 0.5 * (1 + np.tanh(value / 2))
