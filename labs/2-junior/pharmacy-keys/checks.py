"""The pharmacy's keys: what each role may do, what the key decides, and a rotation nobody notices.
"""

from autograder import check


@check(points=2, observes="wire")
def plain_http_is_refused(estate, site):
    """Over https the bucket answers; over http it refuses even somebody who has every right."""
    estate.work.deploy(site, [])
    bucket = f"/{site['bucket']}"
    key = f"{bucket}/{site['inbox']}/RX-000001.json"
    for method, path, body in (
        ("PUT", key, b"{}"),
        ("GET", key, b""),
        ("GET", bucket, b""),
        ("GET", f"{bucket}?policy", b""),
        ("PUT", f"{bucket}/{site['receipts']}/RX-000001.json", b"{}"),
        ("HEAD", f"{bucket}/{site['receipts']}/RX-000001.json", b""),
        ("PUT", f"{bucket}/RX-000001.json", b"{}"),
        ("POST", f"{bucket}/{site['receipts']}/RX-000002.json?uploads", b""),
        ("DELETE", key, b""),
    ):
        secure = estate.over(True, estate.deployer, method, path, body)
        assert secure in (200, 204), (
            "refused over https too: what is forbidden, the right or the road?"
        )
        plain = estate.over(False, estate.deployer, method, path, body)
        assert plain == 403, (
            "let through in plain text. Do you speak of the objects, and of the bucket?"
        )


@check(points=2, observes="cloud", after="plain_http_is_refused")
def intake_drops_and_never_looks(estate):
    """The intake role makes its thirty calls, and each of fifty calls next to them is refused."""
    holds_its_role(estate, "intake")


@check(points=2, observes="cloud", after="plain_http_is_refused")
def dispatch_sees_its_own_depots(estate):
    """The dispatch role makes its thirty calls, and each of fifty calls next to them is refused."""
    holds_its_role(estate, "dispatch")


@check(points=2, observes="cloud", after="plain_http_is_refused")
def rotator_keeps_to_one_secret(estate):
    """The rotator role makes its thirty calls, and each of fifty calls next to them is refused."""
    holds_its_role(estate, "rotator")


@check(
    points=3,
    observes="cloud",
    must=True,
    after=("intake_drops_and_never_looks", "dispatch_sees_its_own_depots"),
)
def without_the_key_nothing_is_readable(estate, site):
    """With the key off, no right to the bucket reads a thing; with it on again, the same bytes."""
    key = estate.deploy("intake", "dispatch").key()
    intake, dispatch = estate.role("intake"), estate.role("dispatch")
    porter, owner = estate.stranger("porter", "s3:*"), estate.stranger("owner", "s3:*", "kms:*")
    place = {"Bucket": site["bucket"], "Key": f"{site['inbox']}/{site['depots'][0]}/RX-777777.json"}
    write, read = ["s3", "put_object", place | {"Body": "to whom"}], ["s3", "get_object", place]
    secret = ["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}]

    assert passes(estate, intake, write), "the intake cannot store"
    assert estate.lock(place) == key, (
        "an object that was written without a wish is under another key than yours"
    )
    for spot in (place, place | {"Key": f"{site['receipts']}/RX-777777.json"}):
        assert not estate.stores(owner, spot, "AES256"), (
            "a writer chose the store's own lock instead of your key"
        )
        assert not estate.stores(owner, spot, "aws:kms", estate.other_key), (
            "a writer chose another key"
        )
        assert not estate.stores(owner, spot, "aws:kms:dsse", estate.other_key), (
            "a writer chose another key, and had it lock twice"
        )
        assert not estate.stores(owner, spot, "aws:kms"), (
            "a writer asked for KMS, named no key, and got another than yours"
        )
        assert estate.stores(owner, spot, "aws:kms", key), (
            "a writer who names your own key must be let in"
        )
    assert estate.stores(intake, place), "the intake cannot store again"
    assert estate.is_kept_private(), "the bucket can be made public"
    assert estate.renews(key), "the key is never renewed"
    assert estate.spares_the_key(), "KMS is asked for every object"
    assert refuses(estate, porter, read), "rights to the bucket alone were enough to read"
    with estate.lent("intake", "s3:GetObject"), estate.lent("dispatch", "s3:PutObject"):
        assert refuses(estate, intake, read), (
            "lent the right to read, the intake can. What does your key unwrap for it?"
        )
        assert refuses(estate, dispatch, write), (
            "lent the right to write, dispatch can. What does your key wrap for it?"
        )

    estate.switch(key, on=False)
    for reader in (dispatch, owner):
        assert estate.attempt(reader, read).startswith("KMS."), (
            "the key is off, and it was not the key that refused"
        )
    assert not passes(estate, dispatch, secret), "the key is off, and the secret is still told"
    estate.switch(key, on=True)
    assert estate.read(dispatch, place) == b"to whom", (
        "with the key back, the bytes are not what was stored"
    )
    assert passes(estate, dispatch, secret), "with the key back, the secret stays closed"
    assert estate.deploy_again() == key, "deployed a second time, the pharmacy has another key"
    assert estate.stores(intake, place), "deployed a second time, the intake cannot store"
    assert estate.lock(place) == key, (
        "somebody changed the bucket's encryption, and deploying again did not bring yours back"
    )
    assert not estate.stores(owner, place, "AES256"), (
        "somebody took the bucket's policy away, and deploying again did not bring it back"
    )


@check(
    points=4,
    observes="cloud",
    must=True,
    after=(  # it begins with the whole pharmacy, deployed by the learner's program
        "intake_drops_and_never_looks",
        "dispatch_sees_its_own_depots",
        "rotator_keeps_to_one_secret",
    ),
)
def nobody_notices_the_rotation(rotation):
    """Killed after each of four steps and started again, a rotation costs none of 1,000 reads."""
    rotation.begin()
    reader = rotation.reader()
    for moment in (
        "after createSecret",
        "after setSecret",
        "after testSecret",
        "after finishSecret",
    ):
        rotation.run_until(moment)
        if moment == "after createSecret":
            assert rotation.holders("AWSPENDING") == [rotation.token], (
                "created, the next version is not the one that is AWSPENDING"
            )
        assert rotation.promised()[0] in rotation.accepted(), (
            f"killed {moment}: who asks now is told a password that the database refuses"
        )
        for one in (reader, rotation.reader()):
            assert rotation.reads(one, 100) == 100, (
                f"killed {moment}: a read failed. Which passwords does the database accept,"
                " and who holds which?"
            )
    assert rotation.run() == 0, (
        "started once more after the last kill, the rotation did not end well"
    )
    assert rotation.reads(reader, 200) == 200, (
        "a reader from before cannot read after. Whom could it have asked?"
    )
    assert rotation.fetches() <= 10, (
        "the readers asked Secrets Manager more than once per hundred reads"
    )
    assert rotation.fetches_in_an_outage(reader) <= 2, (
        "the database was silent, and readers asked for a new password. Had it refused the old?"
    )
    assert rotation.is_at(rotation.token), (
        "the newest version is not the only current one, or the database accepts another password"
    )
    assert rotation.keeps_the_rest(), "the secret has lost something that was not its password"
    assert rotation.run("2" * 32) == 0, "the rotation after this one does not end well"
    assert rotation.reads(reader, 20) == 20, "a read failed after the second rotation"
    assert rotation.is_at("2" * 32), "after the second rotation an old password still works"
    rotation.run()
    assert rotation.is_at("2" * 32), (
        "a late retry of the first rotation undid the second. What does its version's label say?"
    )
    rotation.pharmacy.lose_a_change()
    status = rotation.run("3" * 32)
    assert rotation.reads(rotation.reader(), 20) == 20, (
        "the database lost a change that it had confirmed, and readers were told the new password"
    )
    assert status or rotation.is_at("3" * 32), (
        "the database lost a change, nothing was rotated, and the program called that a success"
    )
    assert rotation.run("3" * 32) == 0, "a rotation whose change was lost cannot be started again"
    assert rotation.is_at("3" * 32), (
        "after a lost change the database accepts something else than the secret says"
    )
    assert rotation.draws_well(), "a password is short, or the database has had it before"
    assert rotation.neighbour_is_refused(), "the rotator reached a secret next to its own"
    assert rotation.draws_by_chance(), (
        "the same token drew the same password twice. Who else knows what you made it from?"
    )
    assert not rotation.told(), (
        "a password can be read in what a program printed or left in a file"
    )


@check(points=2, observes="artifact", must=True, after="intake_drops_and_never_looks")
def the_log_knows_no_patient(estate, morning):
    """Every line of a batch is logged with its outcome, and nothing personal is left anywhere."""
    stored, entries, told = estate.take_in(morning)
    wanted = morning.stored(estate.site["inbox"])
    assert stored.keys() == wanted.keys(), (
        "what lies in the bucket is not what was well formed in the batch"
    )
    assert stored == wanted, "stored, and not byte for byte the line. Who wrote it anew?"
    lines = [entry["line"] for entry in entries]
    assert lines == list(range(1, len(morning.lines) + 1)), "not one entry for each line, in order"
    for entry, row in zip(entries, morning.outcomes, strict=True):
        assert entry["outcome"] == ("stored" if row else "rejected"), (
            "an entry tells another outcome than the bucket"
        )
        assert entry["number"] == (row and row["number"]), (
            "which number may the log know, and since when?"
        )
    assert not told, (
        "something of a patient, or a key, can be read in what your program printed or left behind"
    )
    assert estate.intake_cannot_look(), "the program can read back what it stored"


@check(points=2, observes="returned")
def finds_every_leak(work, evidence):
    """Of ten canaries each is found wherever it lies, and nothing is found that is not there."""
    for path, data in evidence.files.items():
        work.write(f"case/{path}", data)
    pairs = work.module("leaks").find("case", evidence.canaries)
    found = {(canary, entry) for canary, entry in pairs}
    assert not found - evidence.truth, "an alarm for something that is not there"
    assert len(pairs) == len(found), "a pair is told more than once"
    missed = {entry for _, entry in evidence.truth - found}
    for entry in ("logs", "queue", "image.tar", "repo"):
        assert entry not in missed, f"something in {entry} was missed. What is packed in what?"


def holds_its_role(estate, role):
    """Its workload passes for it, its neighbours are refused to it, and only its host may be it."""
    identity, neighbours = estate.deploy(role).role(role), estate.neighbours(role)
    estate.live_through_the_day(role, identity)
    for deed in (
        "reading", "reading another depot's", "looking around its objects", "listing",
        "listing more than its depots", "writing", "writing where nothing arrives", "removing",
        "changing the bucket", "reaching another bucket", "changing the key",
        "using a key by itself", "looking at the key", "changing what it stored",
        "reading the secret", "changing the secret", "looking at the secret",
        "destroying the secret", "reaching another secret",
        "reaching a secret with a longer name", "making and unmaking secrets",
        "giving itself rights", "becoming another role",
    ):  # fmt: skip
        for call in neighbours.pop(deed, ()):
            assert refuses(estate, identity, call), f"it was let in while {deed}"
    assert not neighbours, "a neighbour was left out"
    assert estate.only_its_host_becomes(role), "somebody else's host can put this role on"


def passes(estate, identity, call):
    """Does this call succeed for this identity?"""
    return estate.attempt(identity, call) == ""


def refuses(estate, identity, call):
    """Is it the rights that this call fails for?"""
    return estate.attempt(identity, call) in ("AccessDenied", "AccessDeniedException", "403")
