"""The port call: a tally, a weight, a table of berths, and a watch that ends when told."""

import json
import signal
import time

from autograder import check


@check(points=2, observes="artifact", must=True)
def tallies(work, cargo, totals):
    """The tally has every owner's kilograms, without the refused crates."""
    work.write("cargo.json", json.dumps(cargo).encode())
    assert work.run("tally.py").wait() == 0, "the tally did not end well"
    assert json.loads(work.read("tally.json")) == totals, "whose kilograms are these?"


@check(points=2, observes="returned")
def weighs(work, cargo):
    """A cargo weighs what its accepted crates weigh."""
    expected = sum(crate["kg"] for crate in cargo if not crate["refused"])
    assert work.weigh(cargo) == expected, "which crates come aboard?"


@check(points=1, observes="artifact")
def minds_the_berths(work):
    """Tankers lie at north, ferries at south and east, and nobody lies elsewhere."""
    rules = json.loads(work.read("berths.json"))["allow"]
    for kind in ("tanker", "ferry", "tug"):
        for berth in ("north", "south", "east", "west"):
            may = (kind, berth) in {("tanker", "north"), ("ferry", "south"), ("ferry", "east")}
            assert allowed(rules, kind, berth) == may, "one ship lies where it may not, or drifts"


@check(points=2, observes="kernel", after="tallies")
def leaves_when_told(work):
    """The watch goes on until it is told to leave, and then ends with status 75."""
    watch = work.run("watch.py")
    until = time.monotonic() + 60
    while "watching" not in work.files() and watch.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    assert watch.poll() is None, "the watch ended before anybody said so"
    watch.kill(signal.SIGTERM)
    assert watch.wait() == 75, "with which status does one leave?"


def allowed(rules, kind, berth):
    """Tell whether a table of berths lets a ship in; `*` stands for every one."""
    return any(r["kind"] in (kind, "*") and berth in r["berths"] for r in rules)
