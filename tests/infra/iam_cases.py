"""The table behind test_iam: what IAM's documentation says of a policy and a request.

Each case: (title, request, policies, verdict). The short forms `A`, `D`, `P` and `ask` only save
ink. Sources: IAM user guide, "Policy evaluation logic", "JSON policy elements" and "Condition
operators"; KMS developer guide, "Key policies".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from infra.cloud.iam import Policies, Principal, Request

HERE, THERE = "111122223333", "444455556666"
OBJECT = "arn:aws:s3:::reports/2026/may.csv"
ANN = Principal(
    "user", f"arn:aws:iam::{HERE}:user/ann", HERE, "AIDAANN", "ann", tags={"team": "ops"}
)
STAR = Principal("user", f"arn:aws:iam::{HERE}:user/*", HERE, "AIDASTAR", "*")
ROOT = Principal("root", f"arn:aws:iam::{HERE}:root", HERE, HERE, "root")
ROLE = f"arn:aws:iam::{HERE}:role/reader"
SESSION = Principal(
    "session", f"arn:aws:sts::{HERE}:assumed-role/reader/night", HERE, "AROAREADER:night", "night",
    ROLE,
)
STRANGER = Principal("user", f"arn:aws:iam::{THERE}:user/eve", THERE, "AIDAEVE", "eve")
NOBODY = Principal("anonymous", "anonymous", "", "", "")
LAMBDA = Principal("service", "lambda.amazonaws.com", "")
ACCOUNT_ROOT = {"AWS": f"arn:aws:iam::{HERE}:root"}


@dataclass(frozen=True)
class Case:
    """One row."""

    title: str
    request: Request
    policies: Policies
    allowed: bool
    source: str = ""
    tags: frozenset[str] = field(default_factory=frozenset)


def statement(effect: str, action: Any, resource: Any, more: dict[str, Any]) -> dict[str, Any]:
    """Return a statement; resource None leaves it out, as trust policies do."""
    made: dict[str, Any] = {"Effect": effect, **more}
    if "NotAction" not in more:
        made["Action"] = action
    if resource is not None and "NotResource" not in more:
        made["Resource"] = resource
    return made


def A(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Allow."""
    return statement("Allow", action, resource, more)


def D(action: Any = "s3:GetObject", resource: Any = "*", **more: Any) -> dict[str, Any]:
    """Deny."""
    return statement("Deny", action, resource, more)


def P(*statements: dict[str, Any], version: str = "2012-10-17") -> dict[str, Any]:
    """Return a document."""
    return {"Version": version, "Statement": list(statements)}


def ask(
    who: Principal = ANN, action: str = "s3:GetObject", resource: str = OBJECT, account: str = HERE,
    **context: Any,
) -> Request:
    """Return a request; context keys are written with __ for : and _ for -."""
    keys = {k.replace("__", ":").replace("_", "-").lower(): v for k, v in context.items()}
    return Request(who, action, resource, keys, account)


CASES: list[Case] = []


def case(
    title: str, request: Request, allowed: bool, *identity: dict[str, Any], source: str = "",
    boundary: Any = None, session: Any = None, resource: Any = None, must_delegate: bool = False,
) -> None:
    """Add a row; `identity` are statements of one identity policy."""
    policies = Policies(
        identity=[P(*identity)] if identity else [],
        boundary=None if boundary is None else [P(*boundary)],
        session=None if session is None else [P(*session)],
        resource=None if resource is None else P(*resource),
        must_delegate=must_delegate,
    )
    CASES.append(Case(title, request, policies, allowed, source))


def condition(operator: str, key: str, value: Any) -> dict[str, Any]:
    """Return an Allow with one condition."""
    return A(Condition={operator: {key: value}})


ID, RES = "identity-based policy", "resource-based policy"

# --- default, allow, deny ----------------------------------------------------------------
case("nothing allows", ask(), False, source=ID)
case("an allow is enough", ask(), True, A())
case("another action does not help", ask(), False, A("s3:PutObject"))
case("another resource does not help", ask(), False, A(resource="arn:aws:s3:::other/*"))
case("a deny beats an allow", ask(), False, A(), D(), source=ID)
case("a deny of something else is nothing", ask(), True, A(), D("s3:DeleteObject"))
case("a deny elsewhere beats an allow in a bucket policy", ask(), False, D(),
     resource=[A(Principal="*")], source=ID)
case("a bucket policy's deny beats an identity allow", ask(), False, A(),
     resource=[D(Principal="*")], source=RES)
case("a deny whose condition does not hold is nothing", ask(aws__securetransport="true"), True,
     A(), D(Condition={"Bool": {"aws:SecureTransport": "false"}}))
case("a deny with a condition that holds", ask(aws__securetransport="false"), False,
     A(), D(Condition={"Bool": {"aws:SecureTransport": "false"}}))
case("a statement without effect is nothing", ask(), False, {"Action": "*", "Resource": "*"})

# --- actions -----------------------------------------------------------------------------
case("action names have no case", ask(), True, A("S3:getobject"))
case("a star in the action", ask(), True, A("s3:Get*"))
case("a star that does not fit", ask(), False, A("s3:Put*"))
case("a question mark is one character", ask(), True, A("s3:Get?bject"))
case("a question mark is not none", ask(), False, A("s3:GetObject?"))
case("all actions", ask(), True, A("*"))
case("one of a list of actions", ask(), True, A(["kms:Decrypt", "s3:GetObject"]))
case("NotAction allows the others", ask(), True, A(None, NotAction="iam:*"))
case("NotAction does not allow what it names", ask(), False, A(None, NotAction="s3:*"))
case("NotAction in a deny spares what it names", ask(), True, A("*"), D(None, NotAction="s3:*"))
case("NotAction in a deny refuses the others", ask(action="iam:ListUsers", resource="*"), False,
     A("*"), D(None, NotAction="s3:*"))
case("GetObject is not GetObjectVersion", ask(action="s3:GetObjectVersion"), False, A())

# --- resources ---------------------------------------------------------------------------
case("a star over a prefix", ask(), True, A(resource="arn:aws:s3:::reports/*"))
case("a star crosses slashes", ask(), True, A(resource="arn:aws:s3:::reports/*.csv"))
case("the bucket is not its objects", ask(), False, A(resource="arn:aws:s3:::reports"))
case("objects are not the bucket", ask(action="s3:ListBucket", resource="arn:aws:s3:::reports"),
     False, A("s3:ListBucket", "arn:aws:s3:::reports/*"))
case("resources have case", ask(), False, A(resource="arn:aws:s3:::Reports/*"))
case("one of a list of resources", ask(), True, A(resource=["arn:aws:s3:::x/*", OBJECT]))
case("NotResource allows the others", ask(), True, A(resource=None, NotResource="arn:aws:s3:::x/*"))
case("NotResource does not allow what it names", ask(), False,
     A(resource=None, NotResource="arn:aws:s3:::reports/*"))
case("NotResource in a deny", ask(), False, A("*"),
     D("s3:*", None, NotResource="arn:aws:s3:::public/*"))
case("square brackets are plain", ask(resource="arn:aws:s3:::b/[1]"), True,
     A(resource="arn:aws:s3:::b/[1]"))
case("a dot is plain", ask(resource="arn:aws:s3:::reports/xmayxcsv"), False,
     A(resource="arn:aws:s3:::reports/x.may.csv"))

# --- policy variables --------------------------------------------------------------------
HOME = "arn:aws:s3:::home/${aws:username}/*"
case("a variable is filled", ask(resource="arn:aws:s3:::home/ann/a"), True, A(resource=HOME))
case("a variable of somebody else", ask(resource="arn:aws:s3:::home/bob/a"), False,
     A(resource=HOME))
case("a role session has no user name", ask(SESSION, resource="arn:aws:s3:::home/night/a"), False,
     A(resource=HOME))
case("a star in a name is not a wildcard", ask(STAR, resource="arn:aws:s3:::home/bob/a"), False,
     A(resource=HOME))
case("a tag of the principal", ask(resource="arn:aws:s3:::team/ops/x"), True,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/team}/*"))
case("a default for a missing variable", ask(resource="arn:aws:s3:::team/none/x"), True,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/unit, 'none'}/*"))
case("an escaped star is a star", ask(resource="arn:aws:s3:::b/*"), True,
     A(resource="arn:aws:s3:::b/${*}"))
case("an escaped star is only a star", ask(resource="arn:aws:s3:::b/x"), False,
     A(resource="arn:aws:s3:::b/${*}"))
CASES.append(Case(
    "the older version has no variables", ask(resource="arn:aws:s3:::home/ann/a"),
    Policies(identity=[P(A(resource=HOME), version="2008-10-17")]), False,
))
case("a variable in a condition", ask(s3__prefix="ann/"), True,
     A(Condition={"StringEquals": {"s3:prefix": "${aws:username}/"}}))

# --- string conditions -------------------------------------------------------------------
case("StringEquals", ask(s3__prefix="a/"), True, condition("StringEquals", "s3:prefix", "a/"))
case("StringEquals has case", ask(s3__prefix="A/"), False,
     condition("StringEquals", "s3:prefix", "a/"))
case("StringEquals knows no wildcard", ask(s3__prefix="a/b"), False,
     condition("StringEquals", "s3:prefix", "a/*"))
case("keys have no case", ask(s3__prefix="a/"), True, condition("StringEquals", "S3:PREFIX", "a/"))
case("values are alternatives", ask(s3__prefix="b/"), True,
     condition("StringEquals", "s3:prefix", ["a/", "b/"]))
case("keys must all hold", ask(s3__prefix="a/", s3__delimiter="-"), False,
     A(Condition={"StringEquals": {"s3:prefix": "a/", "s3:delimiter": "/"}}))
case("operators must all hold", ask(s3__prefix="a/", aws__securetransport="false"), False,
     A(Condition={"StringEquals": {"s3:prefix": "a/"}, "Bool": {"aws:SecureTransport": "true"}}))
case("StringEqualsIgnoreCase", ask(s3__prefix="A/"), True,
     condition("StringEqualsIgnoreCase", "s3:prefix", "a/"))
case("StringNotEquals", ask(s3__prefix="b/"), True, condition("StringNotEquals", "s3:prefix", "a/"))
case("StringNotEquals wants none of its values", ask(s3__prefix="b/"), False,
     condition("StringNotEquals", "s3:prefix", ["a/", "b/"]))
case("StringLike", ask(s3__prefix="a/b/c"), True, condition("StringLike", "s3:prefix", "a/*"))
case("StringNotLike", ask(s3__prefix="a/b/c"), False,
     condition("StringNotLike", "s3:prefix", "a/*"))
case("a missing key fails StringEquals", ask(), False,
     condition("StringEquals", "s3:prefix", "a/"))
case("a missing key passes StringNotEquals", ask(), True,
     condition("StringNotEquals", "s3:prefix", "a/"))
case("a missing key passes StringNotLike", ask(), True,
     condition("StringNotLike", "s3:prefix", "a/*"))
case("IfExists passes a missing key", ask(), True,
     condition("StringEqualsIfExists", "s3:prefix", "a/"))
case("IfExists still compares a key that is there", ask(s3__prefix="b/"), False,
     condition("StringEqualsIfExists", "s3:prefix", "a/"))
case("an unknown operator never matches", ask(s3__prefix="a/"), False,
     condition("StringResembles", "s3:prefix", "a/"))

# --- other operators ---------------------------------------------------------------------
case("Bool true", ask(aws__securetransport="true"), True,
     condition("Bool", "aws:SecureTransport", True))
case("Bool false", ask(aws__securetransport="false"), False,
     condition("Bool", "aws:SecureTransport", "true"))
case("a missing key fails Bool", ask(), False,
     condition("Bool", "aws:MultiFactorAuthPresent", "false"))
case("BoolIfExists passes it", ask(), True,
     condition("BoolIfExists", "aws:MultiFactorAuthPresent", "true"))
case("Null true: the key is absent", ask(), True, condition("Null", "s3:prefix", "true"))
case("Null true: the key is there", ask(s3__prefix="a"), False,
     condition("Null", "s3:prefix", "true"))
case("Null false: the key is there", ask(s3__prefix="a"), True,
     condition("Null", "s3:prefix", "false"))
case("Null false: the key is absent", ask(), False, condition("Null", "s3:prefix", "false"))
case("NumericLessThanEquals", ask(s3__max_keys="10"), True,
     condition("NumericLessThanEquals", "s3:max-keys", "10"))
case("NumericLessThan", ask(s3__max_keys="10"), False,
     condition("NumericLessThan", "s3:max-keys", 10))
case("NumericGreaterThan is not alphabetical", ask(s3__max_keys="9"), False,
     condition("NumericGreaterThan", "s3:max-keys", "10"))
case("NumericEquals of what is no number", ask(s3__max_keys="ten"), False,
     condition("NumericEquals", "s3:max-keys", "10"))
case("NumericNotEquals", ask(s3__max_keys="11"), True,
     condition("NumericNotEquals", "s3:max-keys", "10"))
case("DateLessThan", ask(aws__currenttime="2026-05-01T00:00:00Z"), True,
     condition("DateLessThan", "aws:CurrentTime", "2026-06-01T00:00:00Z"))
case("DateGreaterThan", ask(aws__currenttime="2026-05-01T00:00:00Z"), False,
     condition("DateGreaterThan", "aws:CurrentTime", "2026-06-01T00:00:00Z"))
case("dates may be seconds", ask(aws__epochtime="1777593600"), True,
     condition("DateGreaterThanEquals", "aws:EpochTime", "1777593600"))
case("dates have zones", ask(aws__currenttime="2026-05-01T00:30:00Z"), True,
     condition("DateLessThan", "aws:CurrentTime", "2026-05-01T00:00:00-01:00"))
case("IpAddress in a range", ask(aws__sourceip="203.0.113.7"), True,
     condition("IpAddress", "aws:SourceIp", "203.0.113.0/24"))
case("IpAddress outside", ask(aws__sourceip="198.51.100.7"), False,
     condition("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "192.0.2.1"]))
case("NotIpAddress", ask(aws__sourceip="198.51.100.7"), True,
     condition("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"))
case("IpAddress knows version 6", ask(aws__sourceip="2001:db8::1"), True,
     condition("IpAddress", "aws:SourceIp", "2001:db8::/32"))
case("ArnLike", ask(aws__sourcearn="arn:aws:sns:eu-west-1:111122223333:late"), True,
     condition("ArnLike", "aws:SourceArn", "arn:aws:sns:*:111122223333:l*"))
case("a star in an ARN does not cross a colon", ask(aws__sourcearn="arn:aws:sns:a:b:late"), False,
     condition("ArnLike", "aws:SourceArn", "arn:aws:sns:*:late"))
case("ArnEquals is ArnLike", ask(aws__sourcearn="arn:aws:sns:eu-west-1:1:late"), True,
     condition("ArnEquals", "aws:SourceArn", "arn:aws:sns:*:1:late"))
case("ArnNotLike", ask(aws__sourcearn="arn:aws:sns:eu-west-1:1:late"), False,
     condition("ArnNotLike", "aws:SourceArn", "arn:aws:sns:*:1:late"))
case("BinaryEquals", ask(x__y="QmluYXJ5"), True, condition("BinaryEquals", "x:y", "QmluYXJ5"))

# --- keys with many values ---------------------------------------------------------------
TAGS = "aws:TagKeys"
case("ForAllValues", ask(aws__tagkeys=["a", "b"]), True,
     condition("ForAllValues:StringEquals", TAGS, ["a", "b", "c"]))
case("ForAllValues with one too many", ask(aws__tagkeys=["a", "z"]), False,
     condition("ForAllValues:StringEquals", TAGS, ["a", "b"]))
case("ForAllValues of nothing is true", ask(), True,
     condition("ForAllValues:StringEquals", TAGS, ["a"]))
case("ForAnyValue", ask(aws__tagkeys=["z", "a"]), True,
     condition("ForAnyValue:StringEquals", TAGS, ["a"]))
case("ForAnyValue without one", ask(aws__tagkeys=["z"]), False,
     condition("ForAnyValue:StringEquals", TAGS, ["a"]))
case("ForAnyValue of nothing is false", ask(), False,
     condition("ForAnyValue:StringEquals", TAGS, ["a"]))
case("ForAllValues:StringLike", ask(aws__tagkeys=["team-a", "team-b"]), True,
     condition("ForAllValues:StringLike", TAGS, "team-*"))
case("a negated ForAnyValue", ask(aws__tagkeys=["a", "z"]), True,
     condition("ForAnyValue:StringNotEquals", TAGS, ["a"]))

# --- resource policies -------------------------------------------------------------------
case("a bucket policy alone is enough", ask(), True, resource=[A(Principal={"AWS": ANN.arn})])
case("the account in a bucket policy is not", ask(), False, resource=[A(Principal=ACCOUNT_ROOT)])
case("the account's number is the account", ask(), True, A(),
     resource=[A(Principal={"AWS": HERE})])
case("another user's bucket policy", ask(), False,
     resource=[A(Principal={"AWS": f"arn:aws:iam::{HERE}:user/bob"})])
case("everybody", ask(), True, resource=[A(Principal="*")])
case("everybody, as AWS", ask(), True, resource=[A(Principal={"AWS": "*"})])
case("one of several principals", ask(), True,
     resource=[A(Principal={"AWS": [f"arn:aws:iam::{HERE}:user/bob", ANN.arn]})])
case("a principal has no wildcards", ask(), False,
     resource=[A(Principal={"AWS": f"arn:aws:iam::{HERE}:user/*"})])
case("a statement without a principal is nothing", ask(), False, resource=[A()])
case("a deny for the account hits its users", ask(), False, A(),
     resource=[D(Principal=ACCOUNT_ROOT)])
case("NotPrincipal in a deny spares whom it names", ask(), True, A(),
     resource=[D(NotPrincipal={"AWS": ANN.arn})])
case("NotPrincipal in a deny hits the others", ask(SESSION), False, A(),
     resource=[D(NotPrincipal={"AWS": ANN.arn})])
case("the role's ARN stands for its sessions", ask(SESSION), True,
     resource=[A(Principal={"AWS": ROLE})])
case("the session's own ARN", ask(SESSION), True, resource=[A(Principal={"AWS": SESSION.arn})])
case("a deny by aws:PrincipalArn of the role", ask(SESSION), False, A(),
     resource=[D(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})])
case("everybody but a role", ask(SESSION), True, A(),
     resource=[D(Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ROLE}})])
case("a service principal", ask(LAMBDA), True,
     resource=[A(Principal={"Service": "lambda.amazonaws.com"})])
case("another service", ask(LAMBDA), False,
     resource=[A(Principal={"Service": "ec2.amazonaws.com"})])

# --- anonymous, root, other accounts -----------------------------------------------------
case("nobody may nothing", ask(NOBODY), False)
case("nobody, where everybody may", ask(NOBODY), True, resource=[A(Principal="*")])
case("nobody is not of the account", ask(NOBODY), False, resource=[A(Principal=ACCOUNT_ROOT)])
case("the root user may", ask(ROOT), True)
case("the root user is bound by a bucket policy's deny", ask(ROOT), False,
     resource=[D(Principal="*")])
case("a stranger's own policy is not enough", ask(STRANGER), False, A(), source=RES)
case("a bucket policy is not enough for a stranger", ask(STRANGER), False,
     resource=[A(Principal={"AWS": STRANGER.arn})], source=ID)
case("both are", ask(STRANGER), True, A(), resource=[A(Principal={"AWS": STRANGER.arn})])
case("both, by the account", ask(STRANGER), True, A(),
     resource=[A(Principal={"AWS": f"arn:aws:iam::{THERE}:root"})])

# --- boundaries and session policies -----------------------------------------------------
case("a boundary grants nothing", ask(), False, boundary=[A()])
case("a boundary that allows too", ask(), True, A("s3:*"), boundary=[A()])
case("a boundary that does not", ask(), False, A("*"), boundary=[A("s3:PutObject")],
     source="permissions boundary")
case("a deny in a boundary", ask(), False, A(), boundary=[A("*"), D()])
case("a boundary does not limit a user named in a bucket policy", ask(), True,
     boundary=[A("iam:*")], resource=[A(Principal={"AWS": ANN.arn})])
case("a boundary limits a role named in a bucket policy", ask(SESSION), False,
     boundary=[A("iam:*")], resource=[A(Principal={"AWS": ROLE})])
case("a boundary does not limit a session named in a bucket policy", ask(SESSION), True,
     boundary=[A("iam:*")], resource=[A(Principal={"AWS": SESSION.arn})])
case("a session policy limits", ask(SESSION), False, A("s3:*"), session=[A("s3:PutObject")],
     source="session policy")
case("a session policy that allows too", ask(SESSION), True, A("s3:*"), session=[A()])
case("a session policy grants nothing", ask(SESSION), False, session=[A()])
case("a session policy limits the role's grant", ask(SESSION), False,
     session=[A("s3:PutObject")], resource=[A(Principal={"AWS": ROLE})])
case("all three limits", ask(SESSION), True, A("s3:*"), boundary=[A("s3:Get*")], session=[A()])
case("an empty session policy allows nothing", ask(SESSION), False, A("*"), session=[])

# --- keys and trust ----------------------------------------------------------------------
KEY = f"arn:aws:kms:eu-central-1:{HERE}:key/1"
decrypt = ask(action="kms:Decrypt", resource=KEY)
case("a key policy that names the account delegates", decrypt, True, A("kms:Decrypt", KEY),
     resource=[A("kms:*", Principal=ACCOUNT_ROOT)], must_delegate=True)
case("delegating is not granting", decrypt, False,
     resource=[A("kms:*", Principal=ACCOUNT_ROOT)], must_delegate=True, source=ID)
case("an identity policy is not enough for a key", decrypt, False, A("*"),
     resource=[A("kms:*", Principal={"AWS": ROLE})], must_delegate=True, source=RES)
case("a key policy that names the user is enough", decrypt, True,
     resource=[A("kms:Decrypt", Principal={"AWS": ANN.arn})], must_delegate=True)
case("it delegates only what it names", decrypt, False, A("kms:*"),
     resource=[A("kms:Describe*", Principal=ACCOUNT_ROOT)], must_delegate=True)
case("not even root, where the key forgets it", ask(ROOT, "kms:Decrypt", KEY), False,
     resource=[A("kms:*", Principal={"AWS": ANN.arn})], must_delegate=True)
case("kms:ViaService", ask(action="kms:Decrypt", resource=KEY,
                           kms__viaservice="s3.eu-central-1.amazonaws.com"), True,
     A("kms:Decrypt", Condition={"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}),
     resource=[A("kms:*", Principal=ACCOUNT_ROOT)], must_delegate=True)
case("kms:ViaService, called directly", decrypt, False,
     A("kms:Decrypt", Condition={"StringLike": {"kms:ViaService": "s3.*.amazonaws.com"}}),
     resource=[A("kms:*", Principal=ACCOUNT_ROOT)], must_delegate=True)
assume = ask(action="sts:AssumeRole", resource=ROLE)
trust = "sts:AssumeRole"
case("a trust policy that names the user", assume, True,
     resource=[A(trust, None, Principal={"AWS": ANN.arn})], must_delegate=True)
case("a trust policy that names the account wants an identity policy", assume, False,
     resource=[A(trust, None, Principal=ACCOUNT_ROOT)], must_delegate=True)
case("and is content with one", assume, True, A(trust, ROLE),
     resource=[A(trust, None, Principal=ACCOUNT_ROOT)], must_delegate=True)
case("no trust, no role", assume, False, A("*"), resource=[], must_delegate=True)
case("an external id", ask(action=trust, resource=ROLE, sts__externalid="42"), True,
     resource=[A(trust, None, Principal={"AWS": ANN.arn},
                 Condition={"StringEquals": {"sts:ExternalId": "42"}})], must_delegate=True)
case("a wrong external id", ask(action=trust, resource=ROLE, sts__externalid="41"), False,
     resource=[A(trust, None, Principal={"AWS": ANN.arn},
                 Condition={"StringEquals": {"sts:ExternalId": "42"}})], must_delegate=True)
