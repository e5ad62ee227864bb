"""The pharmacy's keys: what each role may do, what the key decides, and a rotation nobody notices."""

import json

from autograder import check


@check(points=2, observes="cloud")
def plain_http_is_refused(estate, site):
    """Over https the bucket answers, over http it refuses even somebody with every right."""
    estate.work.deploy(site, [])
    bucket, key = f"/{site['bucket']}", f"/{site['bucket']}/{site['inbox']}/RX-000001.json"
    for method, path, body in (
        ("PUT", key, b"{}"), ("GET", key, b""), ("GET", bucket, b""), ("GET", f"{bucket}?policy", b""),
    ):  # fmt: skip
        passed = estate.over(True, estate.deployer, method, path, body)
        assert passed == 200, "refused over https too: what is forbidden, the right or the road?"
        plain = estate.over(False, estate.deployer, method, path, body)
        assert plain == 403, "this went through in plain text. Does your statement speak of the objects, and of the bucket?"


@check(points=2, observes="cloud", after="plain_http_is_refused")
def intake_drops_and_never_looks(estate):
    """The intake role makes its thirty calls, and each of forty calls beside them is refused."""
    holds_its_role(estate.deploy("intake"), "intake")


@check(points=2, observes="cloud", after="plain_http_is_refused")
def dispatch_sees_its_own_depots(estate):
    """The dispatch role makes its thirty calls, and each of forty calls beside them is refused."""
    holds_its_role(estate.deploy("dispatch"), "dispatch")


@check(points=2, observes="cloud", after="plain_http_is_refused")
def rotator_keeps_to_one_secret(estate):
    """The rotator role makes its thirty calls, and each of forty calls beside them is refused."""
    holds_its_role(estate.deploy("rotator"), "rotator")


@check(points=3, observes="cloud", must=True, after="dispatch_sees_its_own_depots")
def without_the_key_nothing_is_readable(estate, site):
    """With the key switched off every right to the bucket reads nothing; switched on, the same bytes."""
    estate.deploy("intake", "dispatch")
    key = estate.key()
    intake, dispatch = estate.role("intake"), estate.role("dispatch")
    place = {"Bucket": site["bucket"], "Key": f"{site['inbox']}/{site['depots'][0]}/RX-777777.json"}
    assert passes(estate, intake, ["s3", "put_object", place | {"Body": "to whom"}]), "the intake cannot store"
    assert estate.s3.head_object(**place).get("SSEKMSKeyId") == key, "which key is this object under?"
    assert estate.kms.get_key_rotation_status(KeyId=key)["KeyRotationEnabled"], "the key never changes"

    porter, owner = estate.stranger("porter", "s3:*"), estate.stranger("owner", "s3:*", "kms:*")
    for wish in ({"ServerSideEncryption": "AES256"}, {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": estate.other_key}):
        assert refuses(estate, owner, ["s3", "put_object", place | wish]), "a writer chose another lock than yours"
    assert passes(estate, owner, ["s3", "put_object", place | {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key, "Body": "to whom"}]), (
        "a writer who names your own key must be let in"
    )
    assert refuses(estate, porter, ["s3", "get_object", place]), "rights to the bucket alone were enough to read"

    estate.switch(key, on=False)
    for reader in (dispatch, owner):
        assert estate.attempt(reader, ["s3", "get_object", place]).startswith("KMS."), "read without the key"
    assert estate.attempt(dispatch, ["secretsmanager", "get_secret_value", {"SecretId": site["secret"]}]), "is the secret under the key?"
    estate.switch(key, on=True)
    assert estate.read(dispatch, place) == b"to whom", "with the key back, the bytes are not what was stored"


@check(points=4, observes="cloud", must=True, after="rotator_keeps_to_one_secret")
def nobody_notices_the_rotation(rotation):
    """Killed after each of four steps and started again, a rotation costs none of 1,000 reads."""
    rotation.begin()
    reader = rotation.reader()
    for moment in rotation.moments:
        rotation.run_until(moment)
        assert rotation.reads(reader, 100) + rotation.reads(rotation.reader(), 100) == 200, (
            f"{moment}: a read failed. Which passwords does the database accept now, and who holds which?"
        )
    assert rotation.run() == 0, "started once more after the last kill, the rotation did not end well"
    assert rotation.reads(reader, 200) == 200, "a reader from before the rotation was refused after it. Whom could it have asked?"
    assert rotation.fetches() <= 10, "more than one question to Secrets Manager per hundred reads"
    assert rotation.holders("AWSCURRENT") == [rotation.token], "the newest version is not the only current one"
    assert rotation.accepted() == rotation.promised(), "what the database accepts and what the secret says are not the same one password"
    assert rotation.run("2" * 32) == 0 and rotation.reads(reader, 20) == 20, "the rotation after this one fails"
    assert rotation.accepted() == rotation.promised(), "after the second rotation an old password still works"
    assert rotation.neighbour_is_refused(), "the rotator reached a secret beside its own"


@check(points=2, observes="artifact", must=True, after="intake_drops_and_never_looks")
def the_log_knows_no_patient(estate, morning):
    """Every line of a batch is logged with its outcome, and nothing personal is left anywhere."""
    stored, entries, left = estate.take_in(morning)
    wanted = {row["number"]: row for row in morning.outcomes if row}
    assert stored == wanted, "what lies in the bucket is not what was well formed in the batch"
    assert [entry["line"] for entry in entries] == list(range(1, len(morning.lines) + 1)), "one entry for each line"
    for entry, row in zip(entries, morning.outcomes, strict=True):
        assert entry["outcome"] == ("stored" if row else "rejected"), "an entry tells another outcome than the bucket"
        assert entry.get("number") == (row["number"] if row else None), "which number may the log know, and since when?"
    assert not left, "something of a patient, or a key, can be read in what your program left behind"


@check(points=2, observes="returned")
def finds_every_leak(work, evidence):
    """Of ten canaries each is found wherever it lies, and nothing is found that is not there."""
    for path, data in evidence.files.items():
        work.write(f"case/{path}", data)
    found = {(canary, entry) for canary, entry in work.module("leaks").find("case", evidence.canaries)}
    assert not found - evidence.truth, "an alarm for something that is not there"
    for entry in ("logs", "image.tar", "repo"):
        missed = {place for _, place in evidence.truth - found}
        assert entry not in missed, f"something in {entry} was missed. What is packed in what?"


def holds_its_role(estate, role):
    """Its workload passes for it, its neighbours are refused to it, and only its host may be it."""
    identity = estate.role(role)
    for call in estate.workload(role):
        assert passes(estate, identity, call), "a call of its recorded day was refused"
    for family, call in estate.neighbours(role):
        assert refuses(estate, identity, call), f"it was let in while {family}"
    assert estate.only_its_host_becomes(role), "somebody else's host can put this role on"


def passes(estate, identity, call):
    return estate.attempt(identity, call) == ""


def refuses(estate, identity, call):
    return estate.attempt(identity, call) in ("AccessDenied", "AccessDeniedException", "403")
