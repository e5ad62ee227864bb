"""Black Week: a plan that holds in most futures, twice, and somebody who can defend it."""

from autograder import check


@check(observes="artifact")
def can_be_carried_out(plans):
    """The first plan can be read, and asks the provider for no more than it will give."""
    assert plans.can_be_carried_out("plan"), (
        "plan.json cannot be carried out. What does play.py say of it?"
    )


@check(points=2, observes="returned")
def loads_by_hand(work, by_hand):
    """Offered loads of the busiest hour, and Erlang's chance to wait, for weeks never seen."""
    for world, wanted in by_hand.weeks:
        loads = work.offered_load(world)
        assert set(loads) == set(wanted), (
            'the keys of offered_load are "north intake", "north solve", the south\'s, and "roads"'
        )
        for name in wanted:
            assert by_hand.close(loads[name], wanted[name]), (
                "an offered load is wrong. Orders of which hour and region, times which seconds?"
            )
    for servers, load in by_hand.pools:
        assert by_hand.close(work.p_wait(servers, load), by_hand.chance(servers, load)), (
            "p_wait is not Erlang's C. Does yours hold for one server, and for four hundred?"
        )
    for servers, load in by_hand.full:
        assert by_hand.close(work.p_wait(servers, load), 1.0), (
            "with as much load as servers, or more, everybody waits"
        )


@check(points=4, observes="artifact", must=True, after="can_be_carried_out")
def holds_at_its_price(plans):
    """The promise is kept in 47 of 50 futures, at 1.15 times the reference's cost or less."""
    assert plans.dearer("plan") <= 1.15, (
        "too dear: more than 1.15 times the reference. Which machines stand idle, and when?"
    )
    assert plans.holds("plan"), (
        "the promise is broken in more than 3 of 50 futures. What have those in common?"
    )


@check(points=1, observes="artifact", must=True, after="can_be_carried_out")
def five_lines(plans):
    """The second plan can be carried out, and one to five lines differ, however laid out."""
    assert plans.can_be_carried_out("replan"), (
        "replan.json cannot be carried out after the news. Which quota was refused?"
    )
    assert plans.changed_lines() > 0, "the second plan is the first. Have you read the news?"
    assert plans.changed_lines() <= 5, (
        "more than five lines are changed. What could the first plan have asked for already?"
    )


@check(points=4, observes="artifact", must=True, after=("five_lines", "holds_at_its_price"))
def holds_after_the_news(plans):
    """With a quota refused and the discount doubled, the second plan keeps the promise, too."""
    assert plans.dearer("replan") <= 1.15, (
        "too dear: more than 1.15 times the reference. Is every hour of the week a campaign?"
    )
    assert plans.holds("replan"), (
        "after the news the promise is broken in more than 3 of 50 futures. Where do orders wait?"
    )


@check(points=2, observes="artifact", after="holds_after_the_news")
def retries_feed_no_fire(plans):
    """Retries save what can be saved, and when the road service hangs they let it recover."""
    assert plans.fewer_lost_than_without(), (
        "as much is lost as with no retries at all. Which calls fail in a calm week?"
    )
    assert plans.in_a_brownout(), (
        "when the road service hangs for long, tours miss their hour. Who keeps it from recovering?"
    )


@check(points=3, observes="returned", after="holds_after_the_news")
def table_is_right(work, defence):
    """What seven changes would do to p99, losses and cost is within 5 % of the judge's."""
    found = work.table(defence.world, defence.plan, defence.futures)
    assert set(found) == set(defence.table), "the table has the seven rows of the brief"
    for name in defence.table:
        assert defence.right(found, name, "cost"), (
            "the cost in a row is not the judge's. Is it that of one week, in the same futures?"
        )
        assert defence.right(found, name, "p99"), (
            "the p99 in a row is not the judge's. Of which tours, and of how many futures at once?"
        )
        assert defence.right(found, name, "lost"), (
            "the share lost in a row is not the judge's. Lost of what?"
        )


@check(points=3, observes="returned", after="holds_after_the_news")
def names_where_it_queues(work, defence):
    """For three changes that nobody announced, the resource that fills first is named rightly."""
    assert defence.questions, "no change makes anybody wait: is the plan as lean as the brief asks?"
    for change, future, answer in defence.questions:
        found = work.first_to_queue(defence.world, defence.plan, change, future)
        assert found in ("intake", "roads", "solve"), "the answer is intake, roads or solve"
        assert found == answer, (
            "another resource fills first under this change. Where do the campaign's orders wait?"
        )
