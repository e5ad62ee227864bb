"""Checks of two-minute-warning. A machine is one run of train.py, and dies when the judge says so.
"""

from __future__ import annotations

from autograder import check
from infra.cloud.spot import Event, Write

STEPS = 400
INTERVAL = 60  # steps that a death without notice may cost
AGAIN = 75  # the exit code for "start me again"


@check(points=1, observes="artifact")
def calm_night_same_model(bench, calm, held_out):
    """On a calm night the published model is the one today's job makes, bit for bit, and it has
    learned something.
    """
    night = bench.machine()
    assert night.exit == 0, "an undisturbed night did not end with exit code 0"
    assert bench.published(calm), (
        "undisturbed, the weights differ from today's. What draws from whose generator?"
    )
    assert bench.gain(held_out) > 0, "the model knows no more than the share of late parcels"


@check(points=4, observes="artifact", after="calm_night_same_model", must=True)
def survives_seven_kills(bench, calm, rng):
    """Killed at seven moments of one night, training ends with the weights of a calm night, bit
    for bit.
    """
    bench.machine(Event(int(rng.integers(10, 30)), "die"))  # before anything was kept
    bench.machine(Event(190, "die"), write=Write("checkpoint", nth=2))  # in mid-upload
    bench.machine(Event(190, "die"), write=Write("next"))  # between two writes
    bench.machine(Event(STEPS // 2, "die"))  # on the edge of an epoch
    bench.machine(Event(STEPS // 2 + int(rng.integers(1, 6)), "die"))  # twice in a row
    bench.machine(Event(int(rng.integers(300, 340)), "die"), write=Write("delete", applied=True))
    bench.machine(write=Write("model"))  # while the model is published
    last = bench.machine()
    assert last.exit == 0, "started once more after the last kill, the job did not finish the night"
    left = 0 if last.first is None else STEPS - last.first
    assert left <= 3 * INTERVAL, "killed at the very end, the job began the night again"
    message = "killed and resumed, the weights differ. What else besides the weights has a state?"
    assert bench.published(calm), message


@check(points=2, observes="cloud", after="calm_night_same_model")
def repeats_at_most_sixty_steps(bench, rng):
    """A death without notice costs at most 60 steps, and each row of each epoch is used exactly
    once.
    """
    for step in sorted(rng.integers(20, STEPS - 70, 3).tolist()):
        bench.machine(Event(step, "die"))
    bench.machine()
    for life in bench.lives:
        assert life.orderly, (
            "within one machine's life rows came in another order than on a calm night"
        )
        assert life.first is not None, "a machine was started and never asked for a row"
    for dead, heir in zip(bench.lives, bench.lives[1:], strict=False):
        assert heir.first <= dead.last, "rows were skipped: nobody trained on them that night"
        assert dead.last - heir.first <= INTERVAL, "a death cost more than 60 steps"
    assert bench.lives[0].first == 0, "the night does not begin with its first batch"
    assert bench.lives[-1].last == STEPS, "the night does not end with its last batch"


@check(points=2, observes="kernel", after="calm_night_same_model")
def heeds_both_notices(bench, rng):
    """Told 120 seconds ahead by the metadata service or 30 by SIGTERM, the job saves, exits with
    75 and repeats no step.
    """
    step = int(rng.integers(60, 150))
    told = bench.machine(
        Event(step - 20, "expire"), Event(step, "announce"), Event(step + 60, "die")
    )
    step = int(rng.integers(200, 350))
    signalled = bench.machine(Event(step, "signal"), Event(step + 15, "die"))
    calm = bench.machine(told=False)
    for life, heir in ((told, signalled), (signalled, calm)):
        assert life.exit == AGAIN, (
            "after a notice the job did not end in time, by itself, with exit code 75"
        )
        assert life.last == heir.first, (
            "a notice was given, and still steps were repeated or skipped"
        )
    assert calm.exit == 0, "a machine that nobody wanted back did not finish the night"
    assert calm.last == STEPS, "the night does not end with its last batch"


@check(points=2, observes="cloud", after="survives_seven_kills")
def passes_over_damage(bench, calm, rng):
    """With the newest checkpoint torn and the one before it flipped, the third is used and both
    are put aside.
    """
    dead = bench.machine(Event(int(rng.integers(270, 330)), "die"))
    kept = bench.checkpoints(dead)[-3:]
    assert len(kept) == 3, "fewer than three checkpoints are kept"
    (_, latest), (second, _), (newest, _) = kept
    torn = bench.replace(newest, lambda data: data[: len(data) // 2])
    place = int(rng.integers(200, 800))
    flipped = bench.replace(second, lambda data: flip(data, len(data) * place // 1000))
    heir = bench.machine()
    assert heir.exit == 0, "with two damaged checkpoints the job did not finish the night"
    assert heir.first is not None, "the job went on from a checkpoint that is damaged"
    assert heir.first <= latest, "the job went on from a checkpoint that is damaged"
    assert dead.last - heir.first <= 3 * INTERVAL, "a sound checkpoint was passed over"
    assert bench.published(calm), "after a damaged checkpoint the weights differ"
    aside = {key.rsplit("/")[-1]: key for key in bench.keys("quarantine/")}
    wanted = {newest.rsplit("/")[-1]: torn, second.rsplit("/")[-1]: flipped}
    assert set(aside) == set(wanted), (
        "quarantine/ does not hold the two damaged checkpoints, and only these"
    )
    for name, damaged in wanted.items():
        assert bench.read(aside[name]) == damaged, (
            "a checkpoint in quarantine/ is not as it was found"
        )


@check(points=2, observes="cloud", after="calm_night_same_model")
def does_not_wait_for_the_store(bench, calm):
    """While uploads crawl, fail or break off, training waits in at most 2 % of its steps and the
    weights stay the same.
    """
    night = bench.machine(slow=True)
    assert night.exit == 0, "with a slow store that refuses now and then the night was not finished"
    assert night.stored, "no checkpoint reached the slow store"
    assert night.waited <= STEPS // 50, "training stood still while a checkpoint was on its way"
    assert bench.published(calm), (
        "a slow store changed the weights. Who else draws from your generators?"
    )


@check(points=1, observes="cloud", after="calm_night_same_model")
def leaves_the_bucket_tidy(bench):
    """Whatever died, at most four checkpoints are left; no finished night is trained again."""
    bench.machine(Event(230, "die"), write=Write("next"))
    bench.machine(Event(300, "die"), write=Write("delete"))
    bench.machine(write=Write("model", applied=True))
    last = bench.machine()
    assert last.exit == 0, "the night was not finished"
    assert 1 <= len(bench.keys("checkpoints/")) <= 4, (
        "checkpoints/ holds more than four of them, or none"
    )
    assert len(bench.keys()) <= 7, "objects of dead machines are lying around"
    assert not bench.unfinished(), "multipart uploads of dead machines are still paid for"
    model = bench.model()
    again = bench.machine()
    assert again.exit == 0, "started after the end of the night, the job failed"
    assert not again.seen, "a finished night was trained again"
    assert bench.published(model), "the published model changed after the night was over"


@check(points=2, observes="returned")
def bills_the_night(work, night, owed):
    """The bill follows EC2's rules: the price in force, at least 60 seconds, nothing for an early
    reclaim.
    """
    bill = work.module("bill").night_bill(**night)
    calm = night["calm_seconds"] / 3600 * night["on_demand"]
    assert set(bill) == {"spot", "on_demand", "saved"}, "the bill has other entries than asked for"
    assert abs(bill["on_demand"] - calm) < 1e-4, "on_demand is not the calm night at the list price"
    assert abs(bill["spot"] - owed) < 1e-4, "spot is not what the machines of that night cost"
    assert abs(bill["saved"] - (1 - owed / calm)) < 1e-4, "saved is not the share of on_demand"


def flip(data: bytes, place: int) -> bytes:
    """Return `data` with one bit turned."""
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
