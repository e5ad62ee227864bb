"""One morning's weights, in kilograms."""

import numpy as np

from autograder import fixture, given


@fixture
def weights(seed):
    rng = np.random.Generator(np.random.PCG64DXSM(seed))
    kilograms = np.round(rng.random(200) * 30, 2)
    kilograms[rng.random(200) < 0.2] = np.nan
    return kilograms


@given("weights.csv")
@fixture
def file(weights):
    return "kilograms\n" + "\n".join(str(w) for w in weights) + "\n"


@fixture
def limit(weights):
    return float(np.nanmax(weights[:50]))
