"""A night of scans: counted, ranked, shared out, and searched for the depot that went quiet."""

from collections import Counter

from autograder import check


@check(points=2, observes="returned", must=True)
def each_depot_is_counted(work, depots, scans):
    """Every depot has its count, also the one without a scan."""
    found = Counter(scans)
    assert work.counts(scans, depots) == {d: found[d] for d in depots}, (
        "a depot is missing or miscounted: what does a depot without a scan count?"
    )


@check(points=2, observes="returned")
def the_busiest_comes_first(work, depots, scans):
    """Depots are ranked by their count, and by name where counts are the same."""
    found = Counter(scans)
    expected = sorted(depots, key=lambda depot: (-found[depot], depot))
    assert work.ranking(scans, depots) == expected, "which of two equal depots comes first?"


@check(points=2, observes="returned")
def shares_add_up(work, depots, scans):
    """Each depot has its share of the night; of a night without scans everybody has none."""
    found = Counter(scans)
    shares = work.shares(scans, depots)
    for depot in depots:
        assert abs(shares[depot] - found[depot] / len(scans)) < 1e-9, "a share of which whole?"
    assert work.shares([], depots) == dict.fromkeys(depots, 0.0), "what is a share of nothing?"


@check(points=2, observes="returned", after="each_depot_is_counted")
def quiet_depots_are_named(work, depots, yesterday, scans):
    """The depots that scanned yesterday and not tonight are named, and no others."""
    before, now = Counter(yesterday), Counter(scans)
    expected = sorted(d for d in depots if before[d] and not now[d])
    assert work.quiet(yesterday, scans, depots) == expected, "who fell silent since yesterday?"
