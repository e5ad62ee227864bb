"""Two nights of scans at eight depots. Tonight two depots are silent; one of them always is."""

from autograder import fixture, given


@given("depots.json")
@fixture
def depots():
    return ["Aarhus", "Billund", "Esbjerg", "Herning", "Odense", "Randers", "Vejle", "Viborg"]


@fixture
def silent(rng, depots):
    return [str(name) for name in rng.permutation(depots)[:2]]


@given("scans.json")
@fixture
def scans(rng, depots, silent):
    working = [depot for depot in depots if depot not in silent]
    drawn = [working[int(n)] for n in rng.integers(len(working), size=200)]
    return drawn + working[:2] * 40  # two busy depots; that some counts are equal is likely


@fixture
def yesterday(rng, depots, silent):
    working = [depot for depot in depots if depot != silent[1]]
    return [working[int(n)] for n in rng.integers(len(working), size=200)]
