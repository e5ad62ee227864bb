"""Checks of two-minute-warning. A machine is a run of train.py; what counts is seen from outside."""

from __future__ import annotations

from conftest import STEPS, Event, Write, gain, same

from autograder import check

INTERVAL = 60  # steps a machine that dies without notice may cost
AGAIN = 75  # the exit code for "start me again"


@check(points=1, observes="artifact")
def calm_night_same_model(bench, calm, held_out):
    """On a calm night the published model is today's model, bit for bit, and it has learned."""
    night = bench.machine()
    assert night.exit == 0, "an undisturbed night did not end with exit code 0"
    assert same(bench.model(), calm), "undisturbed, the model differs from the one today's job makes"
    assert gain(bench.model(), held_out) > 0, "the model knows no more than the share of late parcels"


@check(points=3, observes="artifact", after="calm_night_same_model", must=True)
def survives_seven_kills(bench, calm, rng):
    """Killed at seven moments of one night, training ends with the weights of a calm night, bit for bit."""
    bench.machine(Event(rng.integers(10, 35), "die"))  # before anything was kept
    bench.machine(Event(190, "die"), write=Write("checkpoint", nth=2))  # in mid-upload
    bench.machine(Event(190, "die"), write=Write("next"))  # between two writes
    bench.machine(Event(STEPS // 2, "die"))  # on the edge of an epoch
    bench.machine(Event(STEPS // 2 + rng.integers(1, 6), "die"))  # twice in a row
    bench.machine(Event(rng.integers(300, 340), "die"), write=Write("delete", applied=True))
    bench.machine(Event(STEPS + 1, "die"), write=Write("model"))  # while it is published
    last = bench.machine()
    assert last.exit == 0, "started again after the last kill, the job did not finish the night"
    message = "killed and resumed, the weights differ. What else besides the weights has a state?"
    assert same(bench.model(), calm), message


@check(points=2, observes="cloud", after="calm_night_same_model")
def repeats_at_most_sixty_steps(bench, rng):
    """A kill without notice costs at most 60 steps, and each row of each epoch is used exactly once."""
    for step in sorted(rng.integers(20, STEPS - 10, 3)):
        bench.machine(Event(int(step), "die"))
    bench.machine()
    for life in bench.lives:
        assert life.orderly, "within one machine's life, rows came in another order than on a calm night"
    for dead, heir in zip(bench.lives, bench.lives[1:], strict=False):
        assert heir.first <= dead.last, "rows were skipped: nobody trained on them that night"
        assert dead.last - heir.first <= INTERVAL, "a kill cost more than 60 steps"
    assert bench.lives[0].first == 0, "the night does not begin with its first batch"
    assert bench.lives[-1].last == STEPS, "the night does not end with its last batch"


@check(points=2, observes="kernel", after="calm_night_same_model")
def heeds_both_notices(bench, rng):
    """Given 120 seconds by the metadata service or 30 by SIGTERM, the job saves, exits 75 and repeats nothing."""
    step = int(rng.integers(60, 150))
    bench.machine(Event(step - 20, "expire"), Event(step, "announce"), Event(step + 60, "die"))
    step = int(rng.integers(200, 350))
    bench.machine(Event(step, "signal"), Event(step + 15, "die"))
    bench.machine(told=False)
    told, signalled, calm = bench.lives
    for life, heir in ((told, signalled), (signalled, calm)):
        assert life.exit == AGAIN, "after a notice the job did not end by itself, in time, with exit code 75"
        assert heir.first == life.last, "a notice was given, and still steps were repeated or skipped"
    assert calm.exit == 0 and calm.last == STEPS, "a machine without a notice did not finish the night"


@check(points=2, observes="cloud", after="survives_seven_kills")
def passes_over_damage(bench, calm, rng):
    """With the newest checkpoint truncated and the one before flipped, the third is used and both are put aside."""
    bench.machine(Event(int(rng.integers(270, 330)), "die"))
    stored = [(key, step) for key, step in bench.lives[0].stored if key in bench.keys("checkpoints/")]
    assert len(stored) >= 3, "fewer than three checkpoints are kept"
    (third, latest), (second, _), (newest, _) = stored[-3:]
    torn = bench.replace(newest, lambda data: data[: len(data) // 2])
    place = int(rng.integers(200, 800))
    flipped = bench.replace(second, lambda data: flip(data, len(data) * place // 1000))
    heir = bench.machine()
    assert heir.first <= latest, "a damaged checkpoint was used"
    assert bench.lives[0].last - heir.first <= 3 * INTERVAL, "a sound checkpoint was passed over"
    assert same(bench.model(), calm), "after a damaged checkpoint the weights differ"
    aside = {bench.read(key) for key in bench.keys("quarantine/")}
    assert aside == {torn, flipped}, "quarantine/ does not hold the two damaged checkpoints, only these"
    names = {key.rsplit("/")[-1] for key in bench.keys("quarantine/")}
    assert names == {key.rsplit("/")[-1] for key in (newest, second)}, "in quarantine/ under another name"


@check(points=2, observes="cloud", after="calm_night_same_model")
def does_not_wait_for_the_store(bench, calm):
    """While uploads crawl and some are refused, training waits in at most 2 % of its steps and learns the same."""
    night = bench.machine(slow=True)
    assert night.exit == 0, "with a slow store that refuses now and then, the night was not finished"
    assert len(night.stored) >= 2, "too few checkpoints reached the slow store"
    assert night.waited <= STEPS // 50, "training stood still while a checkpoint was on its way"
    assert same(bench.model(), calm), "a slow store changed the weights. Who else draws from your generators?"


@check(points=1, observes="cloud", after="calm_night_same_model")
def leaves_the_bucket_tidy(bench, rng):
    """After any kills the bucket holds at most four checkpoints, and a finished night is not trained again."""
    bench.machine(Event(230, "die"), write=Write("next"))
    bench.machine(Event(300, "die"), write=Write("delete"))
    bench.machine(Event(STEPS + 1, "die"), write=Write("model", applied=True))
    bench.machine()
    assert bench.lives[-1].exit == 0, "the night was not finished"
    assert 1 <= len(bench.keys("checkpoints/")) <= 4, "checkpoints/ holds more than four checkpoints, or none"
    assert len(bench.keys()) <= 7, "objects of dead machines are lying around"
    assert not bench.unfinished(), "multipart uploads of dead machines are still paid for"
    before = bench.model()
    again = bench.machine()
    assert again.exit == 0 and not again.seen, "a finished night was trained again"
    assert same(bench.model(), before), "the published model changed after the night was over"


def flip(data: bytes, place: int) -> bytes:
    """Return `data` with one bit turned."""
    return data[:place] + bytes([data[place] ^ 0x10]) + data[place + 1 :]
