"""One depot, rebuilt from a file: built, adopted, watched, guarded. Then by Terraform."""

from autograder import LearnerError, check


@check(points=2, observes="cloud")
def holds_what_the_list_says(estate, plan):
    """Deployed with five parameters, the template makes the list; once more, it changes nothing."""
    estate.deploy(plan.first)
    estate.is_as_listed(plan.first)
    assert not estate.update_changes(plan.first), (
        "deployed a second time, the same template changes something"
    )


@check(points=2, observes="cloud", after="holds_what_the_list_says")
def scanner_does_its_work_and_no_more(estate, plan):
    """The scanner's role does its day, and nothing beside it, here or in another environment."""
    for site in (plan.first, plan.second):
        estate.deploy(site)
    scanner = estate.scanner(plan.first)
    for call in estate.day(plan.first):
        assert not estate.attempt(scanner, call), (
            "a call of the scanner's day was refused. Which service is asked behind the first one?"
        )
    estate.refuse(scanner, estate.beside(plan.first), "the scanner may do what is none of its work")
    estate.refuse(
        scanner, estate.abroad(plan.second), "the scanner of one environment works in another"
    )


@check(points=2, observes="cloud", after="holds_what_the_list_says")
def a_second_environment_by_parameters(estate, plan):
    """Two environments from one file; one goes, with all but its data, and the other stays."""
    first, second = plan.first, plan.second
    for site in (first, second):
        estate.deploy(site)
        estate.fill(site)
    estate.is_as_listed(second)
    key = estate.key_of(estate.names(first))
    kept, other = estate.data(first), estate.data(second)

    ended = estate.delete(first)
    left = estate.data(first)
    assert left["objects"] == kept["objects"], "with its stack, the ledger's objects are gone"
    assert left["items"] == kept["items"], "with its stack, the table's items are gone"
    assert estate.key_opens(key), "the ledger is there, and the key that opens it is not"
    assert ended == "DELETE_COMPLETE", "the stack cannot be deleted. What stood in its way?"
    assert estate.there(first) == {"bucket", "table"}, (
        "something that holds no data outlives its stack"
    )
    assert estate.data(second) == other, "data of the other environment is gone too"
    estate.is_as_listed(second)


@check(points=3, observes="cloud", must=True, after="holds_what_the_list_says")
def adopts_what_was_left(estate, plan):
    """What the intern left is taken over, untouched, by a program that failed twice before."""
    first, second = plan.first, plan.second
    estate.leave_behind(first)
    estate.leave_behind(second, group=False)
    mark = len(estate.cloud.log)
    halting = estate.somebody_without("halting", "cloudformation:ExecuteChangeSet")
    tableless = estate.somebody_without("tableless", "dynamodb:CreateTable")

    before = estate.relics(first)
    stopped(estate, first, halting)
    stopped(estate, first, tableless)
    estate.adopts(first, "after two runs that were stopped")
    assert estate.relics(first) == before, "what lay in the ledger or in the log is not as it was"
    estate.is_as_listed(first)
    held = set(estate.held(first).values())
    for kind, name in (
        ("AWS::S3::Bucket", estate.names(first).bucket),
        ("AWS::Logs::LogGroup", estate.names(first).group),
    ):
        assert (kind, name) in held, "something that was left is not in the stack"
    estate.adopts(first, "run again when all is done")
    assert not estate.removed_since(mark), "something was deleted on the way, and made anew"

    stopped(estate, second, tableless)
    left = estate.relics(second)
    ended = estate.delete(second)
    assert (ended, estate.relics(second)) == ("DELETE_COMPLETE", left), (
        "a run was stopped, somebody deleted its stack, and that reached for the ledger"
    )
    estate.adopts(second, "where less was left")
    estate.is_as_listed(second)
    third = plan.site("empty")
    estate.adopts(third, "where nothing was left")
    estate.is_as_listed(third)


@check(points=2, observes="artifact", after="holds_what_the_list_says")
def names_the_drift(estate, plan):
    """Four meddlings are named, no more; a busy day is none; not being able to look is said."""
    site = plan.first
    estate.deploy(site)
    estate.live_a_day(site)
    assert report(estate, site) == (0, {}), "nobody meddled, and the report says otherwise"
    deeds = (
        "mute",
        plan.one_of(["widen", "rights"]),
        plan.one_of(["recovery", "rotation", "open", "versions"]),
        plan.one_of(["no group", "no database"]),
    )
    estate.meddle(site, *deeds)
    ended, found = report(estate, site)
    wanted = estate.drifted(site, *deeds)
    assert not set(found) - set(wanted), "the report names something that nobody touched"
    assert not set(wanted) - set(found), (
        "somebody meddled, and the report does not say so. Is what they changed in the template?"
    )
    assert found == wanted, "the report confuses what was changed with what is gone"
    assert ended == 2, "four things drifted, and whoever called the program was not told"
    blind = estate.somebody_without("blind", "logs:Describe*", "glue:GetDatabase")
    assert report(estate, site, blind)[0] == 3, (
        "a part of the stack could not be looked at, and the program did not say so"
    )
    refused = estate.somebody_without("refused", "cloudformation:DetectStack*")
    assert report(estate, site, refused)[0] == 3, (
        "nothing could be looked at, and the program does not end with 3"
    )


@check(points=2, observes="returned", must=True, after="holds_what_the_list_says")
def stops_a_change_set_that_loses_data(estate, plan):
    """Of seven change sets the guard names what each loses; made anyway, one loses nothing."""
    site, losses = plan.first, estate.work.module("guard").losses
    estate.deploy(site)
    estate.fill(site)
    for name in ("shorter log", "renamed alarm", "renamed table", "no table", "elsewhere", "maybe"):
        made = estate.proposed(site, name)
        judged(losses, made, estate.lost(made))
    half = {**made, "Changes": made["Changes"][:1], "NextToken": "more"}
    assert refused(losses, half), "half a change set was read as if it were a whole one"

    unmade = {**made, "Status": "CREATE_IN_PROGRESS", "Changes": []}
    assert refused(losses, unmade), "a change set that is still being made was found harmless"

    before = estate.data(site)
    made = estate.proposed(site, "both renamed")
    judged(losses, made, estate.lost(made))
    mark = len(estate.cloud.log)
    assert estate.execute(site, "both renamed") == "UPDATE_COMPLETE", (
        "a change set that replaces table and ledger cannot be made"
    )
    assert estate.data(site)["items"] == before["items"], (
        "nobody asked the guard, and the table that was replaced is gone with its items"
    )
    assert not estate.tried_since(mark, "DeleteBucket"), (
        "the ledger that was replaced was to be deleted. What but its papers said no?"
    )


@check(points=2, observes="returned")
def stops_a_plan_that_loses_data(work, plans):
    """Of Terraform's plans the guard names every address that would lose data, and no other."""
    losses = work.module("guard").losses
    calm = plans.calm()
    judged(losses, calm, [])
    for actions in (["delete"], ["delete", "create"], ["create", "delete"], ["forget"]):
        judged(losses, *plans.loses(actions))
    assert refused(losses, {**calm, "errored": True}), "a plan that broke off was read as a whole"
    assert refused(losses, {**calm, "complete": False}), "a plan of a part was read as a whole"
    assert refused(losses, {"format_version": "1.0", "values": {}}), (
        "a document that is neither a plan nor a change set was found harmless"
    )


@check(points=0, observes="cloud")
def terraform_settles_adopts_and_heals(terraform, estate, plan):
    """Terraform takes the ledger over, then plans nothing; of three meddlings, exactly those."""
    site = plan.first
    estate.leave_behind(site, group=False)
    before = estate.data(site)["objects"]
    terraform.init()
    terraform.apply(site, adopt=True)
    assert estate.data(site)["objects"] == before, "what lay in the ledger is not as it was"
    estate.is_as_listed(site)
    assert terraform.on(site, "plan", "-detailed-exitcode") == 0, (
        "after an apply, a plan still finds something to do"
    )
    estate.fill(site)
    kept = estate.data(site)
    deeds = ("mute", plan.one_of(["recovery", "rotation", "open", "versions"]), "no database")
    estate.meddle(site, *deeds)
    assert terraform.on(site, "plan", "-detailed-exitcode", "-out=saved.plan") == 2, (
        "three things were changed, and the plan does not end with 2"
    )
    found = sorted(terraform.changes().values())
    assert found == sorted(estate.terraform_types(deeds)), (
        "the plan wants something else than to undo what was done"
    )
    assert terraform.on(site, "apply", "-auto-approve") == 0, "what was changed is not healed"
    estate.is_as_listed(site)
    healed = estate.data(site)
    assert (healed["objects"], healed["items"]) == (kept["objects"], kept["items"]), (
        "healed, and data is gone"
    )


@check(points=0, observes="cloud", after="terraform_settles_adopts_and_heals")
def terraform_leaves_nothing_but_data(terraform, estate, plan):
    """Where `keep` is false, destroy leaves nothing; where it is true, it loses no data."""
    kept, spent = plan.first, plan.second
    terraform.init()
    for site, keep in ((kept, True), (spent, False)):
        terraform.apply(site, keep=keep)
        estate.fill(site)
    keys = estate.enabled_keys()
    scanner = estate.scanner(kept)
    for call in estate.day(kept):
        assert not estate.attempt(scanner, call), "a call of the scanner's day was refused"
    none_of_its_work = [*estate.beside(kept), *estate.abroad(spent)]
    estate.refuse(scanner, none_of_its_work, "the scanner may do what is none of its work")
    before = estate.data(kept)

    assert terraform.on(spent, "destroy", "-auto-approve", keep=False) == 0, (
        "an environment that nobody keeps cannot be destroyed. Which of its locks are open?"
    )
    assert not estate.there(spent), "destroyed, and something is left"
    assert estate.enabled_keys() == keys - 1, "destroyed, and its key is still paid for"
    estate.is_as_listed(kept)
    assert estate.data(kept) == before, "data of the other environment is gone too"

    key = estate.key_of(estate.names(kept))
    ended = terraform.on(kept, "destroy", "-auto-approve", keep=True)
    left = estate.data(kept)
    assert (left["objects"], left["items"]) == (before["objects"], before["items"]), (
        "an environment whose data is to be kept was destroyed with it"
    )
    assert estate.key_opens(key), "table and ledger are there, and the key that opens them is not"
    assert ended != 0, "nothing said no, and nothing was done"


def stopped(estate, site, who):
    """A run of somebody who lacks a right: it says so, and has done no harm."""
    before, settings = estate.relics(site), estate.settings(site)
    ended = estate.adopt(site, who)
    assert estate.relics(site) == before, "stopped half-way, the program had touched the data"
    estate.is_set_as(site, settings)
    assert ended != 0, "stopped half-way, the program ends as if all were well"


def report(estate, site, who=None):
    """How the learner's drift program ended, and what it wrote."""
    ended = estate.run("drift.py", site["stack"], who=who)
    return ended, estate.written("drift.json")


def judged(losses, document, wanted):
    """The guard names exactly this."""
    found = losses(document)
    missed, more = set(wanted) - set(found), set(found) - set(wanted)
    assert not missed, "something that holds data would be lost, and the guard lets it through"
    assert not more, "the guard stops what loses nothing. Who will still ask it next month?"
    assert found == wanted, "each name once, in order"


def refused(losses, document):
    """Is this refused with a ValueError?"""
    try:
        losses(document)
    except LearnerError as error:
        if error.kind != "ValueError":
            raise
        return True
    return False
