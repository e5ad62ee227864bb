"""Rows: resource policies, NotPrincipal, other accounts, boundaries, session policies."""

from __future__ import annotations

from tests.infra.iam_cases.form import (
    ACCOUNT_ROOT,
    ANN,
    BOB,
    DENIED,
    HERE,
    LAMBDA,
    NO,
    NOBODY,
    OBJECT,
    ROLE,
    ROOT,
    S3,
    SESSION,
    STRANGER,
    THERE,
    VISITOR,
    YES,
    A,
    D,
    Group,
    ask,
    when,
)

MINE = {"AWS": ANN.arn}
case = Group("Resource policies", "IAM user guide: JSON policy elements: Principal")
case("a bucket policy alone is enough", "the user is named directly", ask(), YES,
     resource=[A(Principal=MINE)])
case("the account in a bucket policy is not", "it delegates to the account's own policies", ask(),
     NO, resource=[A(Principal=ACCOUNT_ROOT)])
case("the account, and an identity policy", "the account's own policies decide", ask(), YES, A(),
     resource=[A(Principal=ACCOUNT_ROOT)])
case("the account's number is the account", "both forms delegate alike", ask(), NO,
     resource=[A(Principal={"AWS": HERE})])
case("another user's bucket policy", "another principal is named", ask(), NO,
     resource=[A(Principal={"AWS": BOB})])
case("a user's name has case in a principal", "the name in the ARN is case sensitive", ask(), NO,
     resource=[A(Principal={"AWS": f"arn:aws:iam::{HERE}:user/Ann"})])
case("everybody", "* names all principals; no more is needed in the account", ask(), YES,
     resource=[A(Principal="*")])
case("everybody, as AWS", "the two forms are equivalent", ask(), YES,
     resource=[A(Principal={"AWS": "*"})])
case("one of several principals", "a list is an OR", ask(), YES,
     resource=[A(Principal={"AWS": [BOB, ANN.arn]})])
case("a principal has no wildcards", "a star cannot match part of an ARN", ask(), NO,
     resource=[A(Principal={"AWS": f"arn:aws:iam::{HERE}:user/*"})])
case("a session has no wildcards", "principals name a specific session", ask(SESSION), NO,
     resource=[A(Principal={"AWS": f"arn:aws:sts::{HERE}:assumed-role/reader/*"})])
case("a deny for the account hits its users", "the account stands for all of its principals",
     ask(), DENIED, A(), resource=[D(Principal=ACCOUNT_ROOT)])
case("a deny for another user", "the statement names somebody else", ask(), YES, A(),
     resource=[D(Principal={"AWS": BOB})])
case("the role's ARN stands for its sessions", "a session has the role's permissions",
     ask(SESSION), YES, resource=[A(Principal={"AWS": ROLE})])
case("the session's own ARN", "the session is named directly", ask(SESSION), YES,
     resource=[A(Principal={"AWS": SESSION.arn})])
case("another session of the role", "sessions are named one by one", ask(SESSION), NO,
     resource=[A(Principal={"AWS": f"arn:aws:sts::{HERE}:assumed-role/reader/day"})])
case("another role", "another principal is named", ask(SESSION), NO,
     resource=[A(Principal={"AWS": f"arn:aws:iam::{HERE}:role/writer"})])
case("everybody who is a role, by aws:PrincipalArn", "the key has the role's ARN for a session",
     ask(SESSION), YES,
     resource=[A(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})])
case("a deny by aws:PrincipalArn of the role", "the key has the role's ARN for a session",
     ask(SESSION), DENIED, A(),
     resource=[D(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})])
case("aws:PrincipalArn is not the session's", "the key has the role's ARN, not the session's",
     ask(SESSION), YES, A(),
     resource=[D(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": SESSION.arn}})])
case("a deny for everybody but a user", "the page's alternative to NotPrincipal", ask(), YES, A(),
     resource=[D(Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": ANN.arn}})])
case("a deny for everybody but another", "the page's alternative to NotPrincipal", ask(), DENIED,
     A(), resource=[D(Principal="*", Condition={"ArnNotEquals": {"aws:PrincipalArn": BOB}})])
case("the account by aws:PrincipalAccount", "the key is in every signed request", ask(), YES,
     resource=[A(Principal="*", Condition={"StringEquals": {"aws:PrincipalAccount": HERE}})])
case("an organization", "nobody here is in one, so the key is absent", ask(), NO,
     resource=[A(Principal="*", Condition={"StringEquals": {"aws:PrincipalOrgID": "o-1"}})])

case = Group("NotPrincipal", "IAM user guide: JSON policy elements: NotPrincipal")
SPARED = [ANN.arn, f"arn:aws:iam::{HERE}:root"]
case("it spares a user named with the account", "all but the named are denied", ask(), YES, A(),
     resource=[D(NotPrincipal={"AWS": SPARED})])
case("it hits the others of that account", "only the user named is spared", ask(), DENIED, A(),
     resource=[D(NotPrincipal={"AWS": [BOB, f"arn:aws:iam::{HERE}:root"]})])
case("it grants nothing to the spared", "sparing is not allowing", ask(), NO,
     resource=[D(NotPrincipal={"AWS": SPARED})])
case("it hits sessions", "they are not among the named", ask(SESSION), DENIED, A(),
     resource=[D(NotPrincipal={"AWS": SPARED})])
case("it spares a session named with its role and account", "the page's example of a role",
     ask(SESSION), YES, A(),
     resource=[D(NotPrincipal={"AWS": [SESSION.arn, ROLE, f"arn:aws:iam::{HERE}:root"]})])
case("it hits whoever has a boundary", "it denies principals with a boundary, named or not",
     ask(), DENIED, A(), boundary=[A("*")], resource=[D(NotPrincipal={"AWS": SPARED})])
case("with services, it hits users", "a service is spared, a user is not", ask(), DENIED, A(),
     resource=[D(NotPrincipal={"Service": "lambda.amazonaws.com"})])

case = Group(
    "Root, strangers, nobody", "IAM user guide: Cross-account policy evaluation logic"
)
case("nobody may nothing", "all requests are denied by default", ask(NOBODY), NO)
case("nobody, where everybody may", "* with Allow is public", ask(NOBODY), YES,
     resource=[A(Principal="*")])
case("nobody is not of the account", "an account's principals are authenticated", ask(NOBODY), NO,
     resource=[A(Principal=ACCOUNT_ROOT)])
case("the root user may", "the account's root user has full access", ask(ROOT), YES)
case("the root user is bound by a bucket policy's deny", "a deny overrides", ask(ROOT), DENIED,
     resource=[D(Principal="*")])
case("a stranger's own policy is not enough", "the resource's policy must allow too",
     ask(STRANGER), NO, A())
case("a bucket policy is not enough for a stranger", "the stranger's own policy must allow too",
     ask(STRANGER), NO, resource=[A(Principal={"AWS": STRANGER.arn})])
case("both are", "both evaluations must allow", ask(STRANGER), YES, A(),
     resource=[A(Principal={"AWS": STRANGER.arn})])
case("both, by the account", "the account may be named as a whole", ask(STRANGER), YES, A(),
     resource=[A(Principal={"AWS": f"arn:aws:iam::{THERE}:root"})])
case("both, by everybody", "other accounts need their own policies as well", ask(STRANGER), YES,
     A(), resource=[A(Principal="*")])
case("everybody, without a policy of their own", "they need their own policies as well",
     ask(STRANGER), NO, resource=[A(Principal="*")])
case("a stranger's own deny", "a deny in either account overrides", ask(STRANGER), DENIED, A(),
     D(), resource=[A(Principal={"AWS": STRANGER.arn})])
case("a deny for the stranger's account", "a deny in either account overrides", ask(STRANGER),
     DENIED, A(), resource=[A(Principal="*"), D(Principal={"AWS": THERE})])
case("a stranger within a boundary", "what limits the identity policy there limits here",
     ask(STRANGER), NO, A(), boundary=[A("iam:*")],
     resource=[A(Principal={"AWS": STRANGER.arn})])
case("a stranger's role", "the role is named, its own policy allows", ask(VISITOR), YES, A(),
     resource=[A(Principal={"AWS": VISITOR.role})])
case("a stranger's session", "a session of another account needs its own policy too",
     ask(VISITOR), NO, resource=[A(Principal={"AWS": VISITOR.arn})])
case("our account is not theirs", "naming our account does not name theirs", ask(STRANGER), NO,
     A(), resource=[A(Principal=ACCOUNT_ROOT)])

case = Group("Boundaries", "IAM user guide: Permissions boundaries for IAM entities")
case("a boundary grants nothing", "it limits, it does not provide", ask(), NO, boundary=[A()])
case("a boundary that allows too", "both must allow", ask(), YES, A("s3:*"), boundary=[A()])
case("a boundary that does not", "both must allow", ask(), NO, A("*"),
     boundary=[A("s3:PutObject")])
case("the guide's Shirley", "IAM is outside of her boundary",
     ask(action="iam:CreateUser", resource=f"arn:aws:iam::{HERE}:user/new"), NO,
     A("iam:CreateUser"), boundary=[A(["s3:*", "cloudwatch:*", "ec2:*"])])
case("a deny in a boundary", "a deny in any policy overrides", ask(), DENIED, A(),
     boundary=[A("*"), D()])
case("a boundary with a condition", "it allows where its condition holds",
     ask(aws__securetransport="false"), NO, A(),
     boundary=[when("Bool", "aws:SecureTransport", "true", "*")])
case("a boundary's deny beats a bucket policy", "a deny in any policy overrides", ask(), DENIED,
     boundary=[D()], resource=[A(Principal=MINE)])
case("a boundary limits a role", "roles have boundaries too", ask(SESSION), NO, A(),
     boundary=[A("iam:*")])

case = Group(
    "Limits and resource policies",
    "IAM user guide: How enforcement code logic evaluates requests",
)
case("a boundary does not limit a user named in a bucket policy",
     "a grant to the user's ARN is not limited by an implicit deny", ask(), YES,
     boundary=[A("iam:*")], resource=[A(Principal=MINE)])
case("a boundary limits a user by the account", "the grant is the identity policy's", ask(), NO,
     A(), boundary=[A("iam:*")], resource=[A(Principal=ACCOUNT_ROOT)])
case("a boundary limits a role named in a bucket policy",
     "a grant to the role's ARN is limited by an implicit deny", ask(SESSION), NO,
     boundary=[A("iam:*")], resource=[A(Principal={"AWS": ROLE})])
case("a role named, within its boundary", "both allow", ask(SESSION), YES, boundary=[A()],
     resource=[A(Principal={"AWS": ROLE})])
case("a boundary does not limit a session named in a bucket policy",
     "a grant to the session's ARN is not limited", ask(SESSION), YES,
     boundary=[A("iam:*")], resource=[A(Principal={"AWS": SESSION.arn})])
case("a session policy limits a role named in a bucket policy",
     "a grant to the role's ARN is limited by an implicit deny", ask(SESSION), NO,
     session=[A("s3:PutObject")], resource=[A(Principal={"AWS": ROLE})])
case("a session policy does not limit a session named",
     "a grant to the session's ARN is not limited", ask(SESSION), YES,
     session=[A("s3:PutObject")], resource=[A(Principal={"AWS": SESSION.arn})])
case("neither limits aws:PrincipalArn with everybody",
     "such a grant is not limited by boundaries or session policies", ask(SESSION), YES,
     boundary=[A("iam:*")], session=[A("iam:*")],
     resource=[A(Principal="*", Condition={"ArnEquals": {"aws:PrincipalArn": ROLE}})])
case("a deny limits a session that is named", "a deny in any policy overrides", ask(SESSION),
     DENIED, D(), resource=[A(Principal={"AWS": SESSION.arn})])
case("a session policy's deny limits it too", "a deny in any policy overrides", ask(SESSION),
     DENIED, session=[D()], resource=[A(Principal={"AWS": SESSION.arn})])

case = Group("Session policies", "IAM user guide: Policies and permissions: Session policies")
case("a session policy limits", "the intersection with the role's policies", ask(SESSION), NO,
     A("s3:*"), session=[A("s3:PutObject")])
case("a session policy that allows too", "the intersection with the role's policies",
     ask(SESSION), YES, A("s3:*"), session=[A()])
case("a session policy grants nothing", "the intersection with the role's policies",
     ask(SESSION), NO, session=[A()])
case("a session policy's resource limits too", "the intersection with the role's policies",
     ask(SESSION), NO, A(), session=[A(resource="arn:aws:s3:::reports/2025/*")])
case("a session without a policy", "the role's policies alone decide", ask(SESSION), YES, A())
case("all three limits", "allowed by identity, boundary and session", ask(SESSION), YES,
     A("s3:*"), boundary=[A("s3:Get*")], session=[A()])
case("all but the boundary", "all three must allow", ask(SESSION), NO, A("s3:*"),
     boundary=[A("s3:Put*")], session=[A()])
case("a deny in a session policy", "a deny in any policy overrides", ask(SESSION), DENIED, A(),
     session=[A(), D(resource="arn:aws:s3:::reports/2026/*")])

case = Group("Services", "IAM user guide: The confused deputy problem")
QUEUE = f"arn:aws:sqs:eu-central-1:{HERE}:jobs"
SEND = {"action": "sqs:SendMessage", "resource": QUEUE}
FROM = {"Principal": {"Service": "s3.amazonaws.com"}}
case("a service principal", "services are named by their principal", ask(LAMBDA), YES,
     resource=[A(Principal={"Service": "lambda.amazonaws.com"})])
case("another service", "another principal is named", ask(LAMBDA), NO,
     resource=[A(Principal={"Service": "ec2.amazonaws.com"})])
case("one of several services", "a list is an OR", ask(LAMBDA), YES,
     resource=[A(Principal={"Service": ["ec2.amazonaws.com", "lambda.amazonaws.com"]})])
case("a service is not of the account", "the account's ARN names its own principals", ask(LAMBDA),
     NO, resource=[A(Principal=ACCOUNT_ROOT)])
case("a user is no service", "the statement names the service", ask(), NO,
     resource=[A(Principal={"Service": "lambda.amazonaws.com"})])
case("a bucket's events", "aws:SourceArn has the resource that triggers the call",
     ask(S3, **SEND, aws__sourcearn="arn:aws:s3:::reports"), YES,
     resource=[A("sqs:SendMessage", QUEUE, **FROM,
                 Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::reports"}})])
case("another bucket's events", "aws:SourceArn has the resource that triggers the call",
     ask(S3, **SEND, aws__sourcearn="arn:aws:s3:::evil"), NO,
     resource=[A("sqs:SendMessage", QUEUE, **FROM,
                 Condition={"ArnLike": {"aws:SourceArn": "arn:aws:s3:::reports"}})])
case("a bucket of our account", "aws:SourceAccount has the account of that resource",
     ask(S3, **SEND, aws__sourcearn="arn:aws:s3:::reports", aws__sourceaccount=HERE), YES,
     resource=[A("sqs:SendMessage", QUEUE, **FROM,
                 Condition={"StringEquals": {"aws:SourceAccount": HERE}})])
case("a bucket of another account", "aws:SourceAccount has the account of that resource",
     ask(S3, **SEND, aws__sourcearn="arn:aws:s3:::reports", aws__sourceaccount=THERE), NO,
     resource=[A("sqs:SendMessage", QUEUE, **FROM,
                 Condition={"StringEquals": {"aws:SourceAccount": HERE}})])
case("a user who calls directly", "aws:SourceArn is there for services' calls only", ask(**SEND),
     NO, resource=[A("sqs:SendMessage", QUEUE, Principal={"AWS": ANN.arn},
                     Condition={"ArnEquals": {"aws:SourceArn": "arn:aws:s3:::reports"}})])
case("a deny that spares services", "aws:PrincipalIsAWSService is true for service principals",
     ask(S3, **SEND), YES,
     resource=[A("sqs:SendMessage", QUEUE, **FROM),
               D("sqs:*", QUEUE, Principal="*",
                 Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}})])
case("a deny that spares services hits users", "aws:PrincipalIsAWSService is false for users",
     ask(**SEND), DENIED, A("sqs:*"),
     resource=[D("sqs:*", QUEUE, Principal="*",
                 Condition={"BoolIfExists": {"aws:PrincipalIsAWSService": "false"}})])
case("a service by aws:PrincipalServiceName", "the key has the service principal's name",
     ask(S3, **SEND), DENIED,
     resource=[A("sqs:SendMessage", QUEUE, **FROM),
               D("sqs:*", QUEUE, Principal="*", Condition={
                   "StringEquals": {"aws:PrincipalServiceName": "s3.amazonaws.com"}})])
case("a public queue is not", "the object is another resource", ask(resource=OBJECT), NO,
     resource=[A("s3:GetObject", "arn:aws:s3:::reports/2025/*", Principal="*")])
