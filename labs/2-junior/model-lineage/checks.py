"""Checks of model-lineage: registered, approved and live are three things, and each leaves proof.
"""

from autograder import check

BUSY = 75


@check(points=3, observes="cloud", must=True)
def only_the_approved_can_be_fetched(estate, cast, stopped):
    """With its own credentials the serving role gets approved artefacts and no others, at every
    moment, wherever the gate was killed.
    """
    estate.put_models()
    one, two, *_ = cast.good
    serving = estate.serving()
    everyone = range(1, len(estate.world.versions) + 1)
    for version in everyone:
        assert estate.fetched(serving, version) == 403, (
            "the serving role fetched an artefact that nobody has approved"
        )
    assert estate.run("gate.py", "approve", str(one)) == 0, "approve did not end with 0"
    assert estate.status(one) == "Approved", "SageMaker does not say Approved"
    assert estate.fetched(serving, one) == estate.world.version(one).model, (
        "the serving role does not get an approved artefact"
    )
    for version in set(everyone) - {one}:
        assert estate.fetched(serving, version) == 403, "approving one version let another out"
    estate.label(cast.pending, "pending")
    assert estate.fetched(serving, cast.pending) == 403, (
        "any value of the tag will do for your policy. Which one means approved?"
    )
    for version in (cast.pending, one):
        assert not estate.oversteps(serving, version), (
            "the serving role may do more than fetch. What could it approve, list, read or write?"
        )

    for word, stop in stopped:
        estate.run("gate.py", word, str(one), stop=stop)
        assert estate.is_guarded(serving, one), (
            "killed half-way, the gate left an artefact that can be fetched and is not approved"
        )
        assert estate.run("gate.py", word, str(one)) == 0, (
            "started again after it was killed, the gate did not end with 0"
        )
        wanted = ("Approved", True) if word == "approve" else ("Rejected", False)
        can = estate.fetched(serving, one) != 403
        assert (estate.status(one), can) == wanted, (
            "started again after it was killed, the gate left S3 and SageMaker in disagreement"
        )

    estate.overwrite(one)
    assert estate.fetched(serving, one) == 403, (
        "an artefact was replaced after its approval, and the new one can be fetched"
    )
    estate.overwrite(two)
    estate.tag(cast.thief, package=estate.arn(one))
    for version in (one, two):
        assert estate.is_refused(serving, version), (
            "an artefact was approved that is not the one that was registered"
        )
    assert estate.is_refused(serving, cast.lonely), (
        "a version was approved for which nobody has asked"
    )
    for word in ("approve", "reject"):
        assert estate.is_refused(serving, cast.thief, word), (
            "a version was approved or rejected on another's package"
        )
    assert estate.is_refused(serving, 99), "a version was approved that does not exist"
    assert (estate.run("gate.py", "reject", str(two)), estate.status(two)) == (0, "Rejected"), (
        "an artefact that was replaced could not be rejected"
    )


@check(points=2, observes="cloud")
def ledger_can_only_grow(estate):
    """Under your bucket policy entries are added and read; nobody with every right to S3 changes,
    removes or outlives one.
    """
    bucket, owner = estate.close_the_ledger(), estate.everything_in_s3()
    new = {"Bucket": bucket, "Key": "entries/00000002.json", "Body": b"{}", "IfNoneMatch": "*"}
    old = {"Bucket": bucket, "Key": estate.first_entry}
    for who in (owner, estate.who["releaser"]):
        assert estate.attempt(who, "s3", "put_object", **new) == 200, "an entry cannot be added"
        assert isinstance(estate.got(who, old["Key"], "ledger"), bytes), "entries cannot be read"
        new["Key"] = "entries/00000003.json"
    again = estate.attempt(owner, "s3", "put_object", **{**new, "Key": old["Key"]})
    assert again in (403, 412), "an entry was overwritten under a condition"
    other = estate.attempt(owner, "s3", "put_object", **{**old, "IfNoneMatch": '"another"'})
    assert other >= 400, "an entry was overwritten under a condition about other content"
    source = {"Bucket": bucket, "Key": "entries/00000002.json"}
    for call, arguments in (
        ("put_object", {**old, "Body": b"{}"}),
        ("put_object", {"Bucket": bucket, "Key": "entries/00000009.json", "Body": b"{}"}),
        ("copy_object", {**old, "CopySource": source}),
    ):
        assert estate.attempt(owner, "s3", call, **arguments) == 403, (
            "somebody wrote an entry without asking whether it is there"
        )
    for call, arguments in (
        ("delete_object", old),
        ("delete_object", {**old, "VersionId": estate.first_version}),
        ("delete_objects", {"Bucket": bucket, "Delete": {"Objects": [{"Key": old["Key"]}]}}),
    ):
        assert estate.attempt(owner, "s3", call, **arguments) == 403, "somebody deleted an entry"
    for call, arguments in estate.slow_deletions:
        assert estate.attempt(owner, "s3", call, Bucket=bucket, **arguments) == 403, (
            "somebody made the bucket lose entries by itself. Which two settings can do that?"
        )
    assert estate.first_entry_is_there(), "the first entry is not what it was"
    assert estate.attempt(owner, "s3", "put_object", **estate.elsewhere) == 200, (
        "the policy reaches further than its bucket"
    )


@check(points=2, observes="cloud")
def moves_only_what_is_approved(year, estate, cast):
    """`live` moves to approved versions only, and each rollback takes one promotion back."""
    a, b, c, *_ = cast.good
    day = year.days()
    estate.decide("Rejected", cast.rejected)
    estate.tag(cast.thief, package=estate.arn(a))
    for version in (cast.pending, cast.rejected, cast.thief):
        assert year.promote(next(day), version) == 1, (
            "a version that is not approved was promoted, or refused with another code than 1"
        )
        assert estate.live() is None, "a version went live that is not approved"
    for version in (a, b, c):
        assert year.promote(next(day), version) == 0, "an approved version was not promoted"
        assert estate.live() == version, "the promoted version is not live"
    assert year.roll_back(next(day)) == 0, "a rollback did not end with 0"
    assert estate.live() == b, "a rollback did not go to what was live before"
    estate.decide("Rejected", a)
    assert year.roll_back(next(day)) == 1, "rolled back to a version that has been rejected since"
    assert estate.live() == b, "a refused rollback moved the alias"
    estate.decide("Approved", a)
    assert year.roll_back(next(day)) == 0, "a second rollback did not end with 0"
    assert estate.live() == a, (
        "a rollback went elsewhere than to what was live before the promotion it takes back"
    )
    assert year.roll_back(next(day)) == 1, "with nothing to go back to, not exit 1"
    assert estate.live() == a, "with nothing to go back to, the alias was moved"
    assert not estate.rewritten(), "an entry of the ledger was written twice, or deleted"


@check(points=2, observes="cloud", after="moves_only_what_is_approved")
def two_releasers_leave_one_history(year, estate, cast, held):
    """Two releases at the same minute: one at most moves the alias, and the ledger tells which."""
    a, b, c, *_ = cast.good
    day = year.days()
    assert year.promote(next(day), a) == 0, "the first release did not end with 0"

    noon = next(day)
    held.promote(noon, b, "ledger")
    assert year.promote(noon, c) == 0, "a release failed before which nobody had written anything"
    code = held.end()
    assert code in (0, 75), "who came second at the ledger ended neither with 0 nor with 75"
    won = b if code == 0 else c
    assert estate.live() == won, "who came second at the ledger moved the alias"
    assert not estate.rewritten(), "who came second wrote over the other's entry"

    later = next(day)
    assert held.promote(later, a, "alias"), "a promotion never moved the alias"
    assert year.promote(year.within_ten_minutes(later), b) == BUSY, (
        "a release began while another was under way, or ended with another code than 75"
    )
    assert estate.live() == won, "a release that had to wait moved the alias"
    assert held.end() == 0, "the release that was under way could not be ended"
    assert year.lives((noon, won), (later, a)), (
        "the ledger does not tell which of two releases at once moved the alias"
    )
    assert year.roll_back(next(day)) == 0, "a rollback after two releases at once failed"
    assert estate.live() == won, "a rollback after two releases at once went elsewhere"
    assert not estate.rewritten(), "an entry of the ledger was written twice, or deleted"


@check(points=4, observes="returned", must=True, after="moves_only_what_is_approved")
def says_what_was_live(year, cast):
    """For twenty moments the versions, data and commits that were live, and a version's spans."""
    year.winter()
    assert year.spring(), (
        "months after a very first release that died before the alias had moved, two ordinary ones "
        "did not end with 0"
    )
    assert year.august(), (
        "more than ten minutes after a release that died when the alias had moved, a rollback did "
        "not end with 0"
    )
    year.september()
    died = [year.after_september()]
    told, _ = year.told(died, [])
    assert told, "lineage.py ended with another code than 0, or left a question without an answer"
    assert year.right(died, iter(told)), (
        "wrong right after a release that died before the alias had moved"
    )
    assert year.october(), (
        "more than ten minutes after a release that died before the alias had moved, another did "
        "not end with 0"
    )
    year.november()
    ordinary, night = year.ordinary(), year.around_midnight()
    changed, late = year.twice_and_never(), year.after_november()
    versions = [*cast.good, cast.pending]
    told, spans = year.told([*ordinary, *night, *changed, *late], versions)
    assert told, "lineage.py ended with another code than 0, or left a question without an answer"
    answers = iter(told)
    assert year.right(ordinary, answers), (
        "wrong on an ordinary day. Which version had been promoted last?"
    )
    assert year.right(night, answers), (
        "wrong in the night of 3 August. Whose midnight, and who had moved the alias?"
    )
    assert year.right(changed, answers), (
        "wrong where a clock was changed. How often did it show that time?"
    )
    assert year.right(late, answers), (
        "wrong after a release that died. How can you know how far it came?"
    )
    assert spans == [year.spans(version) for version in versions], (
        "a version was live at other times than you say, or a time lacks its offset"
    )


@check(points=3, observes="artifact", must=True)
def rebuilds_the_very_bytes(rooms, world):
    """From a package's number a machine that has never seen the model makes its very bytes."""
    version = world.version(world.hotfix)
    left = rooms.rebuild(version)
    assert left.code == 0, "a rebuild from what was recorded did not end with 0"
    assert left.model == version.model, (
        "the rebuilt model has other bytes. Which commit, data, trainer and command made it?"
    )


@check(points=3, observes="artifact", must=True)
def refuses_what_was_altered(rooms, world):
    """What a model was made from is refused by name once it is altered; the rest may be altered."""
    version = world.version(world.corrected)
    needed, months = world.pinned(version), world.months(version)
    others = {name: world.altered(name) for name in world.wheels if name not in needed}
    left = rooms.rebuild(version, others)
    assert (left.code, left.model) == (0, version.model), (
        "wheels that this model does not need were altered, and it was not rebuilt"
    )
    for name in rooms.some(needed):
        left = rooms.rebuild(version, {name: world.altered(name)})
        assert left.code == 3, "an altered wheel was not refused with exit code 3"
        assert left.refused == {"what": "wheel", "name": name}, "the altered wheel is not named"
        assert left.model is None, "a model was left although its wheel was altered"
    altered = {name: (months[name], rooms.damaged(months[name]))
               for name in rooms.some(sorted(months))}  # fmt: skip
    altered["data"] = version.data, rooms.listing(version)
    for name, (content, data) in altered.items():
        rooms.change(content, data)
        left = rooms.rebuild(version)
        rooms.change(content)
        assert left.code == 3, "altered data was not refused with exit code 3"
        assert left.refused == {"what": "data", "name": name}, "the altered data is not named"
        assert left.model is None, "a model was left although its data was altered"
    rooms.record(version, "0" * 64)
    left = rooms.rebuild(version)
    assert left.code == 3, "bytes that are not the recorded ones were not refused with exit code 3"
    assert left.refused == {"what": "model", "name": "model.json"}, (
        "it is not said that the model is another"
    )
    assert left.model is None, "a model was left that is not the recorded one"
