"""What the hidden tests of the peers' assignment ask, on inputs drawn from a seed."""

import numpy as np
import pandas as pd

from autograder import check, take


@check(points=3, observes="returned")
def standardize(work, points):
    """Columns come out with mean 0 and deviation 1; a constant column comes out finite."""
    scaled = work.standardize(points[0])
    assert np.allclose(scaled.mean(axis=0), 0, atol=1e-9), "the means are not 0"
    assert np.allclose(scaled.std(axis=0), 1), "the deviations are not 1"
    assert np.isfinite(work.standardize(np.ones((4, 2)))).all(), "what of a constant column?"


@check(points=4, observes="returned")
def revenue(work, sales):
    """Revenue a region, from high to low, without the rows that have no price."""
    ours = (sales.units * sales.price).groupby(sales.region).sum().sort_values(ascending=False)
    theirs = work.revenue(sales)
    assert isinstance(theirs, pd.Series), "a Series was asked for"
    assert list(theirs.index) == list(ours.index), "the regions or their order differ"
    assert np.allclose(theirs, ours), "the sums differ"


@check(points=3, observes="returned")
def impute(work, sales):
    """Missing prices become the median of the region."""
    medians = sales.groupby("region").price.transform("median")
    theirs = work.impute(sales).price
    assert theirs.notna().all(), "prices are still missing"
    assert np.allclose(theirs, sales.price.fillna(medians)), "which median belongs to a row?"


@check(points=5, observes="returned")
def train(work, parts):
    """A pipeline of scaler and model that is right on at least 85 % of unseen rows."""
    seen, unseen, labels, truth = parts
    model = work.train(seen, labels)
    assert len(take(model, 2)) == 2, "a pipeline has at least two steps"
    assert (model.predict(unseen) == truth).mean() >= 0.85, "too many unseen rows are wrong"


@check(points=4, observes="returned")
def f1(work, rng):
    """F1 of the positive class, 0 when there is no true positive."""
    truth, guess = rng.integers(0, 2, 50), rng.integers(0, 2, 50)
    ours = 2 * (truth & guess).sum() / (truth.sum() + guess.sum())
    assert np.isclose(work.f1(truth, guess), ours), "not the F1 score"
    assert work.f1([0, 0], [0, 0]) == 0, "what of no true positives?"


@check(points=4, observes="returned")
def kfold(work, rng):
    """The test parts are disjoint from their training parts, cover everything and are shuffled."""
    n, k, seed = int(rng.integers(60, 140)), int(rng.integers(3, 7)), int(rng.integers(1 << 30))
    folds = take(work.kfold(n, k, seed), k + 1)
    assert len(folds) == k, "not k folds"
    covered = sorted(np.concatenate([test for _, test in folds]).tolist())
    assert covered == list(range(n)), "the test parts do not cover everything once"
    assert not any(set(a) & set(b) for a, b in folds), "a row is in both parts"
    assert not np.array_equal(folds[0][1], np.arange(len(folds[0][1]))), "is it shuffled?"
