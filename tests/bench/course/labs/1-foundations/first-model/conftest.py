"""The inputs of the six exercises, made from a seed."""

import numpy as np
import pandas as pd

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
def points(rng):
    """Two classes, 6 to 4, that six of twelve columns tell apart."""
    labels = (rng.random(750) < 0.4).astype(int)
    columns = rng.normal(size=(750, 12))
    columns[:, :6] += 1.5 * labels[:, None]
    return columns, labels


@fixture
def parts(points):
    """Rows to learn from and rows to be judged on: unseen, labels, truth."""
    columns, labels = points
    return columns[:560], columns[560:], labels[:560], labels[560:]
