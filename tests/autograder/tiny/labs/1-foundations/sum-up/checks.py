"""The weights of a morning: a sum, the heaviest, what is over the limit, and an empty day."""

import numpy as np

from autograder import check


@check(points=0)
def opens(work, weights):
    """The notebook runs and has a total."""
    assert isinstance(work.total(weights), float), "a total is one number"


@check(points=3, observes="returned", must=True)
def adds_up(work, weights):
    """The total is that of the parcels which were weighed."""
    expected = float(np.nansum(weights))
    assert abs(work.total(weights) - expected) < 1e-6, "what does a missing weight count?"


@check(points=2, observes="returned")
def heaviest_first(work, weights):
    """The heaviest parcels come heaviest first, as many as asked for."""
    known = np.sort(weights[~np.isnan(weights)])[::-1]
    for count in (1, 5, 17):
        found = work.heaviest(weights, count)
        assert np.array_equal(found, known[:count]), "which are the heaviest, and in what order?"


@check(points=2, observes="returned")
def over_the_limit(work, weights, limit):
    """What is over the limit is found, and what is at the limit is let through."""
    found = work.over(weights, limit)
    assert np.array_equal(found, np.flatnonzero(weights > limit)), "is the limit itself too much?"


@check(points=2, observes="returned", after="adds_up")
def survives_an_empty_day(work, weights):
    """On a day without parcels the report says zero; on another it says the mean."""
    assert work.report(weights[:0]) == 0.0, "what is reported on an empty day?"
    known = weights[~np.isnan(weights)]
    assert abs(work.report(weights) - known.mean()) < 1e-6, "the mean of what was weighed"
