"""The inputs of the six exercises, made from a seed."""

import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split

from autograder import fixture


@fixture
def sales(rng):
    frame = pd.DataFrame(
        {
            "region": rng.choice(["eu", "us", "ap"], 5000),
            "units": rng.integers(1, 9, 5000),
            "price": rng.normal(20, 3, 5000).round(2),
        }
    )
    frame.loc[::17, "price"] = np.nan
    return frame


@fixture
def points(seed):
    return make_classification(
        n_samples=750, n_features=12, n_informative=6, class_sep=1.5, random_state=seed % 2**32
    )


@fixture
def parts(points, seed):
    return train_test_split(*points, random_state=seed % 2**32)
