"""Checks of gpu-rent. A run is judged by its tape, played again where nobody else is.

The bounds are shares of what today.py asks of the same card for the same text.
"""

from __future__ import annotations

from autograder import check

CAUSES = {"loader", "transfer", "float32", "copies", "tiny-kernels", "item", "norms", "optimizer",
          "logging"}  # fmt: skip


@check(points=2, observes="returned")
def names_the_five_stalls(work, nights, bench):
    """Of nights that nobody has looked at, the five largest stalls are named, each with its cause
    and its place in the last step.
    """
    stalls = work.module("stalls")
    for events, largest in nights:
        found = stalls.five(events)
        assert len(found) == 5, "not five stalls"
        spans = {one["cause"]: (one["from"], one["to"]) for one in found}
        assert set(spans) <= CAUSES, "a cause that is none of the nine in the brief"
        assert set(spans) == set(largest), (
            "other stalls cost more. In which steps did you add up, and what did the card do "
            "meanwhile?"
        )
        for cause, span in spans.items():
            assert bench.overlap(span, largest[cause]) >= 0.8, (
                "a stall is where it was not: its place is that of its largest piece in the last "
                "step"
            )


@check(points=2, observes="returned")
def knows_what_the_card_could_do(work, cases):
    """FLOPs a token and utilisation are right for any size and any maker's sheet, and no number is
    given for a card without bfloat16.
    """
    mfu = work.module("mfu")
    for rate, size, sheet, share in cases:
        answer = mfu.mfu(rate, size, sheet)
        if share is None:
            assert answer is None, "a utilisation in a format that the card does not have"
        else:
            assert answer is not None, "no utilisation for a card that has bfloat16"
            assert abs(answer / share - 1) < 0.005, (
                "another share of the peak. Whose operations do you count, and whose zeros?"
            )


@check(points=3, observes="artifact", must=True)
def does_the_same_work(run, today, elsewhere, other_labels, bench):
    """On the card, today's losses, evaluations and weights; from other first weights, what
    today's job makes of them.
    """
    run.ended_well()
    assert run.played, "the card cannot play the tape of the run"
    rows, evaluations = run.rows()
    assert [row["step"] for row in rows] == bench.ROWS, "log.jsonl lacks rows that today's has"
    assert [row["step"] for row in evaluations] == bench.EVALUATIONS, (
        "log.jsonl lacks an evaluation that today's has"
    )
    assert bench.apart(rows, today["rows"], "loss") < 0.02, (
        "a loss of the log is not today's loss at that step. The same letters, in the same order, "
        "and weights in float32?"
    )
    assert bench.apart(evaluations, today["evaluations"], "held_out") < 0.02, (
        "an evaluation is not today's. On which labels, with which weights?"
    )
    for mine, theirs in zip(rows, today["rows"], strict=True):
        assert abs(mine["norm"] / theirs["norm"] - 1) < 0.05, (
            "a gradient is not as long as today's. Before clipping, over all weights, in float32?"
        )
    model = run.model()
    assert run.fetched(model, rows), (
        "the log or the model holds what was not fetched from the card: what changed it afterwards?"
    )
    assert bench.way(model, today["model"], today["first"]) <= 0.02, (
        "the weights end where today's do not. How small a step can a number in bfloat16 take?"
    )
    assert bench.loss(model, other_labels) <= bench.loss(today["model"], other_labels) + 0.01, (
        "on labels nobody has seen, the model is worse than today's"
    )
    assert elsewhere.losses < 0.1, (
        "the card, given other first weights, still fetches the old losses. Who computed them?"
    )
    assert elsewhere.way <= 0.25, (
        "the card, given other first weights, does not train those. Where were yours trained?"
    )
    assert run.counts["microseconds"] <= 0.8 * bench.TODAY["microseconds"], (
        "the work is the same, and so, nearly, is the time on the bench's card"
    )


@check(points=2, observes="artifact", after="does_the_same_work")
def waits_at_evaluations_only(run, spoilt, bench):
    """The host waits at the two evaluations and the end only, has the rows by then, and ends a
    run whose loss is not a number.
    """
    assert run.played, "there is no tape of a whole run"
    assert run.counts["waits"] <= len(bench.EVALUATIONS) + 2, (
        "the host waits for a card that still has work. Which line asks it for a number?"
    )
    assert not run.late(), (
        "rows are fetched long after the next evaluation. What is left in the log of a run that "
        "dies before its end?"
    )
    assert spoilt.exit != 0, (
        "a training whose loss is not a number ends with exit code 0. Who notices, and when?"
    )
    assert not spoilt.published, "a model is published whose loss was not a number"


@check(points=3, observes="artifact", after="does_the_same_work")
def launches_a_third(run, bench):
    """A step launches at most 35 % of today's kernels and sends the card what is new, in few
    pieces.
    """
    assert run.played, "there is no tape of a whole run"
    assert run.counts["kernels"] <= 0.35 * bench.TODAY["kernels"], (
        "too many kernels. `python card.py` lists what is left; which of them come in dozens?"
    )
    assert run.counts["sent"] <= 0.15 * bench.TODAY["sent"], (
        "too many transfers to the card. What goes over the link row by row, or every step again?"
    )
    assert run.counts["sent_bytes"] <= 0.35 * bench.TODAY["sent_bytes"], (
        "too many bytes go to the card. Which of them does it have already?"
    )


@check(points=2, observes="artifact", after="does_the_same_work")
def multiplies_in_bfloat16(run, bench):
    """The model's products are all on the tape, at least 95 % of them in bfloat16."""
    assert run.played, "there is no tape of a whole run"
    assert sum(run.counts["flops"].values()) >= 0.99 * bench.TODAY["flops"], (
        "fewer products than this model has: part of the work is done elsewhere, or not at all"
    )
    assert run.bfloat16() >= 0.95, "the card still multiplies in float32"


@check(points=2, observes="artifact", after="does_the_same_work")
def four_times_the_letters(run, bench):
    """On the bench's card the whole run takes at most a quarter of today's time."""
    assert run.played, "there is no tape of a whole run"
    assert run.counts["microseconds"] <= 0.25 * bench.TODAY["microseconds"], (
        "less than four times today's letters a second. Look at the trace of your own tape"
    )


@check(points=1, observes="kernel", after="does_the_same_work")
def pays_on_any_machine(paid):
    """Without a card, in alternating blocks, a run costs at most 70 % of today's CPU-seconds."""
    assert min(paid["mine"]) <= 0.7 * min(paid["today"]), (
        "on a CPU it is hardly cheaper than today. What does the host do again at every step?"
    )
