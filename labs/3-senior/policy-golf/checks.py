"""Three roles: what they need next month, what lies beside that, and six ways up."""

from autograder import check


@check(observes="artifact")
def iam_takes_them(form):
    """Three policies that IAM takes, written for every account of the desk and not for one."""
    for role in ("assessor", "cashier", "releaser"):
        assert form.version(role) == "2012-10-17", (
            f"{role}.json: a policy without Version 2012-10-17 is read by the rules of 2008"
        )
        assert form.fits(role), f"{role}.json: more than 6,144 characters, which IAM refuses"
        assert form.names_are_known(role), (
            f"{role}.json: a name in <brackets> is none of those in site.json"
        )
        assert form.names_are_open(role), (
            f"{role}.json: a name or a number of one account. What is it called in the next one?"
        )
        assert form.keys_are_known(role), (
            f"{role}.json: a condition on a key that the ground does not know. See the brief's list"
        )
    assert form.can_be_published(), "IAM does not take one of the documents"


@check(points=2, observes="cloud", after="iam_takes_them")
def the_recorded_month_passes(desk):
    """With IAM enforced, each role makes every call of the month that was recorded."""
    account = desk.account()
    for role in ("assessor", "cashier", "releaser"):
        account.live_through(role, desk.month(role, later=0))


@check(points=3, observes="cloud", must=True, after="the_recorded_month_passes")
def the_next_month_passes(desk):
    """The same programs' next month passes too, and one after it: other names, folders more."""
    account = desk.account("notify")
    for role in ("assessor", "cashier", "releaser"):
        account.live_through(role, desk.month(role, later=1))
        account.live_through(role, desk.month(role, later=2))


@check(points=3, observes="cloud", must=True, after="the_recorded_month_passes")
def what_lies_beside_is_refused(desk):
    """About 150 calls next to the work are refused, most of them published nowhere."""
    account = desk.account()
    for role in ("assessor", "cashier", "releaser"):
        for call in desk.probes(role):
            assert desk.refused(account, role, call), (
                f"the {role} was let in beside its work. Which family of calls.json has a sibling?"
            )
        account.live_through(role, desk.month(role, later=0))


@check(points=4, observes="cloud", must=True, after="the_recorded_month_passes")
def no_way_up(desk):
    """Of six ways from these roles to an administrator's rights none is left; releases go on."""
    ways = desk.ways()
    account = desk.account()
    for role in ("assessor", "cashier", "releaser"):
        for name in ways:
            assert not desk.leads_up(account, role, name), (
                f"the {role} became an administrator. Which right of its hands out rights?"
            )
    account.live_through("releaser", desk.month("releaser", later=0))


@check(points=1, observes="artifact", after="the_next_month_passes")
def within_twice_par(desk):
    """What the three roles may and need not weighs at most twice par, 110 strokes."""
    assert desk.at_most(110), "more than twice par: which statement covers most of the ground?"


@check(
    points=3,
    observes="artifact",
    after=("within_twice_par", "what_lies_beside_is_refused"),
)
def at_par(desk):
    """What the three roles may and need not weighs at most par, 55 strokes."""
    assert desk.at_most(55), (
        "more than par: which cells of ground.json can your policies ask for and the work does not?"
    )
