"""What must hold of late-parcels. Scores and decisions are weighed with the true chances."""

from __future__ import annotations

import numpy as np
import pandas as pd

from autograder import check, take


@check(points=2, observes="returned")
def cleans_what_the_depots_send(work, shipped):
    """One row a parcel, tidy words, kilograms, real moments, and missing where nobody knows."""
    table = work.clean(shipped.raw)
    assert set(table["parcel"]) == set(shipped.clean["parcel"]), (
        "parcels were lost, or new ones made"
    )
    assert table["parcel"].is_unique, "a parcel that was sent twice is still one parcel"
    ours = shipped.clean.set_index("parcel")
    theirs = table.set_index("parcel").loc[ours.index]
    for name in ("depot", "service"):
        assert (theirs[name] == ours[name]).all(), f"{name}: do all spellings of it mean one thing?"
    moments = pd.to_datetime(theirs["accepted"], errors="coerce")
    assert (moments == ours["accepted"]).all(), "accepted: which day is 04.03.2025 in Larkmoor?"
    for name in ("weight_kg", "temp_c", "wind_ms", "rain_mm", "snow_cm"):
        assert (theirs[name].isna() == ours[name].isna()).all(), f"{name}: what is really missing?"
        assert np.allclose(theirs[name], ours[name], equal_nan=True), f"{name}: is that the unit?"


@check(points=1, observes="returned")
def holds_out_the_newest_month(work, months):
    """The hold-out is the newest month, whole; the rest is all that came before it."""
    older, newest = take(work.split(months), 2)
    when = months["accepted"].dt.to_period("M")
    last = set(months.loc[when == when.max(), "parcel"])
    assert set(newest["parcel"]) == last, (
        "the model will be asked about a month it has never seen: is this one month of one year?"
    )
    assert set(older["parcel"]) == set(months["parcel"]) - last, "what may the past not hold?"
    assert len(older) + len(newest) == len(months), "is every parcel in one part, once?"


@check(points=3, observes="returned", must=True)
def does_not_look_into_tomorrow(work, past, month, disguises):
    """A score depends on what is known at acceptance: later columns change nothing, nor do others.

    10,000 parcels, among them a depot nobody has heard of and nine days of a silent station: each
    gets a score between 0 and 1, and the scores still tell late parcels from others.
    """
    model = work.train(past)
    first = np.asarray(work.risk(model, disguises[0]), float)
    assert first.shape == (len(month.parcels),), "one score for each parcel, in their order"
    assert ((first >= 0) & (first <= 1)).all(), "every parcel needs a score between 0 and 1"
    for dress in disguises[1:-2]:
        assert np.allclose(first, work.risk(model, dress), atol=1e-9), (
            "which column is filled in after the parcel left?"
        )
    for part in disguises[-2:]:
        place, fewer = month.parcels.index.get_indexer(part.index), work.risk(model, part)
        assert np.allclose(first[place], fewer, atol=1e-9), "does a score depend on its neighbours?"
    riskiest = np.argsort(first)[-len(first) // 10 :]
    lift = month.chance[riskiest].mean() / month.chance.mean()
    assert lift > 1.4, "no leak, but no knowledge either: are the riskiest tenth really late?"


@check(points=4, observes="returned", after="does_not_look_into_tomorrow")
def beats_the_rule_of_thumb(work, past, month, costs):
    """In a month nobody has seen, decisions cost at most 0.9 of the rule and close 60 % of its gap.

    The gap is between the depots' rule of thumb and somebody who knows the true chances; cost is
    expected under those chances, so luck has no part in it. n = 10,000; the solution closes 0.84
    of the gap with a spread of 0.044 between worlds, so it fails by chance less than once in
    10,000.
    """
    moved = _decisions(work.decide(work.train(past), month.parcels, costs), month)
    hour = month.parcels["accepted"].dt.hour
    rule = (hour >= 17) | (month.parcels["wind_ms"] >= 11) | (month.parcels["snow_cm"] >= 10)
    ours, theirs, best = month.cost(moved, costs), month.cost(rule, costs), month.best(costs)
    assert ours <= 0.9 * theirs, "the rule does nearly as well. What did your own hold-out promise?"
    assert theirs - ours >= 0.6 * (theirs - best), "better than the rule, but more is to be had"


@check(points=2, observes="returned", after="does_not_look_into_tomorrow")
def moves_with_the_costs(work, past, month, costs, other_costs):
    """With three other cost matrices decisions cost at most 5 % more than the scores allow.

    n = 10,000; the best of 200 thresholds on the learner's own scores is the measure. In 10 worlds
    the excess of the solution was 0.9 % at most.
    """
    model = work.train(past)
    scores = np.asarray(work.risk(model, month.parcels), float)
    alike = min(month.cost(np.full(len(scores), moved), costs) for moved in (True, False))
    assert _best(scores, month, costs) < 0.97 * alike, "scores that no decision can use"
    for other in other_costs:
        moved = _decisions(work.decide(model, month.parcels, other), month)
        allowed = 1.05 * _best(scores, month, other)
        assert month.cost(moved, other) <= allowed, "at which risk does moving begin to pay?"


@check(points=3, observes="returned")
def groups_depots_by_cause(work, past, savings):
    """At most four groups, and one measure for each brings 85 % of what can be brought on time.

    For every group the planner buys the measure that helps it most, by the true chances. n = 48,000
    parcels of 24 depots; in 50 worlds the solution brought 99 % or more, groups by late share 71 %
    at most.
    """
    group = work.group_depots(past)
    assert set(group) == set(savings.index), "every depot of the table belongs to a group"
    labels = pd.Series(group).loc[savings.index]
    assert labels.nunique() <= 4, "there is money for four contracts"
    brought = savings.groupby(labels.to_numpy()).sum().max(axis=1).sum()
    possible = savings.max(axis=1).sum()
    assert brought >= 0.85 * possible, "do the depots of one group suffer from the same thing?"


def _best(scores: np.ndarray, month, costs) -> float:
    """Return the least cost that any threshold on these scores would have had."""
    cuts = [-1.0, *np.quantile(scores, np.linspace(0, 1, 201))]
    return min(month.cost(scores > cut, costs) for cut in cuts)


def _decisions(answer: object, month) -> np.ndarray:
    moved = np.asarray(answer)
    assert moved.shape == (len(month.parcels),), "one decision for each parcel, in their order"
    assert set(np.unique(moved)) <= {0, 1}, "a decision is True (move) or False (keep)"
    return moved.astype(bool)
