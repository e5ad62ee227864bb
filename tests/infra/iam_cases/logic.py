"""Rows: allow and deny, actions, resources, policy variables."""

from __future__ import annotations

from tests.infra.iam_cases.form import (
    ANN,
    BUCKET,
    DENIED,
    HERE,
    NO,
    OBJECT,
    SESSION,
    YES,
    A,
    D,
    Group,
    ask,
    listing,
    unless,
    when,
)

case = Group("Allow and deny", "IAM user guide: Policy evaluation logic")
case("nothing allows", "all requests are denied by default", ask(), NO)
case("an allow is enough", "an explicit allow overrides the default", ask(), YES, A())
case("another action does not help", "the statement does not apply", ask(), NO, A("s3:PutObject"))
case("another resource does not help", "the statement does not apply", ask(), NO,
     A(resource="arn:aws:s3:::other/*"))
case("a deny beats an allow", "an explicit deny overrides any allow", ask(), DENIED, A(), D())
case("their order does not matter", "denies are looked for first", ask(), DENIED, D(), A())
case("a deny alone is explicit too", "explicit and implicit denies differ", ask(), DENIED, D())
case("a deny of something else is nothing", "the deny does not apply", ask(), YES, A(),
     D("s3:DeleteObject"))
case("a deny of the user beats an allow of the bucket", "a deny in any policy overrides", ask(),
     DENIED, D(), resource=[A(Principal="*")])
case("a bucket's deny beats an allow of the user", "a deny in any policy overrides", ask(),
     DENIED, A(), resource=[D(Principal="*")])
case("a deny whose condition fails is nothing", "a statement applies if its condition is true",
     ask(aws__securetransport="true"), YES, A(), unless("Bool", "aws:SecureTransport", "false"))
case("a deny whose condition holds", "a statement applies if its condition is true",
     ask(aws__securetransport="false"), DENIED, A(),
     unless("Bool", "aws:SecureTransport", "false"))
case("one of several statements is enough", "at least one allow is needed", ask(), YES,
     A("iam:*"), A("s3:Put*"), A("s3:GetObject"))
case("the guide's Carlos and the logs", "his own deny of *log* overrides the bucket's allow",
     ask(action="s3:PutObject", resource="arn:aws:s3:::ann-logs/x"), DENIED,
     A("s3:*", ["arn:aws:s3:::ann", "arn:aws:s3:::ann/*"]), D("s3:*", "arn:aws:s3:::*log*"))
case("the guide's Carlos and his bucket", "both policies allow, none denies",
     ask(action="s3:PutObject", resource="arn:aws:s3:::ann/x"), YES,
     A("s3:*", ["arn:aws:s3:::ann", "arn:aws:s3:::ann/*"]), D("s3:*", "arn:aws:s3:::*log*"),
     resource=[A("s3:*", ["arn:aws:s3:::ann", "arn:aws:s3:::ann/*"], Principal={"AWS": ANN.arn})])
case("the guide's reports of IAM", "iam:*Report is denied though iam:Get* is allowed",
     ask(action="iam:GetCredentialReport", resource="*"), DENIED, A(["iam:Get*", "iam:List*"]),
     D("iam:*Report"))
case("what neither statement names", "CreatePolicy is denied implicitly",
     ask(action="iam:CreatePolicy", resource="*"), NO, A(["iam:Get*", "iam:List*"]),
     D("iam:*Report"))

case = Group("Actions", "IAM user guide: JSON policy elements: Action, NotAction")
case("action names have no case", "prefix and action are not case sensitive", ask(), YES,
     A("S3:getobject"))
case("a star in the action", "wildcards may stand in an action's name", ask(), YES, A("s3:Get*"))
case("a star in the middle", "wildcards may stand in an action's name",
     ask(action="iam:ListAccessKeys", resource=ANN.arn), YES, A("iam:*AccessKey*"))
case("a star that does not fit", "the action does not match", ask(), NO, A("s3:Put*"))
case("a question mark is one character", "? stands for one character", ask(), YES,
     A("s3:Get?bject"))
case("a question mark is not none", "? stands for one character", ask(), NO, A("s3:GetObject?"))
case("all actions", "* alone stands for all actions", ask(), YES, A("*"))
case("all actions of a service", "s3:* stands for all of S3", ask(), YES, A("s3:*"))
case("all actions of another service", "iam:* is none of S3", ask(), NO, A("iam:*"))
case("one of a list of actions", "an element may list actions", ask(), YES,
     A(["kms:Decrypt", "s3:GetObject"]))
case("NotAction allows the others", "it matches everything except its list", ask(), YES,
     A(None, NotAction="iam:*"))
case("NotAction does not allow what it names", "it matches everything except its list", ask(), NO,
     A(None, NotAction="s3:*"))
case("NotAction in an allow is no deny", "what it leaves out may be allowed elsewhere", ask(), YES,
     A(None, NotAction="s3:*"), A())
case("NotAction with a list", "it matches everything except its list",
     ask(action="iam:ListUsers", resource="*"), NO, A(None, NotAction=["s3:*", "iam:List*"]))
case("NotAction in a deny spares what it names", "only the listed actions are not denied", ask(),
     YES, A("*"), D(None, NotAction="s3:*"))
case("NotAction in a deny refuses the others", "only the listed actions are not denied",
     ask(action="iam:ListUsers", resource="*"), DENIED, A("*"), D(None, NotAction="s3:*"))
case("NotAction within a resource", "it covers actions that apply to the resource",
     ask(action="s3:DeleteBucket", resource=BUCKET), NO,
     A(None, "arn:aws:s3:::*", NotAction="s3:DeleteBucket"))
case("deny all but IAM outside a region", "the page's own example of NotAction with Deny",
     ask(aws__requestedregion="us-east-1"), DENIED, A("*"),
     D(None, NotAction=["iam:*", "sts:*"],
       Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}))

case = Group("Resources", "IAM user guide: JSON policy elements: Resource, NotResource")
case("a star over a prefix", "* stands for any characters", ask(), YES,
     A(resource="arn:aws:s3:::reports/*"))
case("a star crosses slashes", "* expands over / within its segment", ask(), YES,
     A(resource="arn:aws:s3:::reports/*.csv"))
case("several stars", "each segment may have several wildcards", ask(), YES,
     A(resource="arn:aws:s3:::re*ts/*/m?y.csv"))
case("a question mark in a resource", "? stands for one character", ask(), NO,
     A(resource="arn:aws:s3:::reports/202?/may?.csv"))
case("a last star goes beyond its segment", "as the last character it may cross colons",
     ask(action="sns:Publish", resource=f"arn:aws:sns:eu-central-1:{HERE}:late"), YES,
     A("sns:Publish", "arn:aws:sns:eu-central-1:*"))
case("stars in region and account", "wildcards stand within segments",
     ask(action="sns:Publish", resource=f"arn:aws:sns:eu-central-1:{HERE}:late"), YES,
     A("sns:Publish", "arn:aws:sns:*:*:late"))
case("another region", "the segment does not match",
     ask(action="sns:Publish", resource=f"arn:aws:sns:eu-central-1:{HERE}:late"), NO,
     A("sns:Publish", f"arn:aws:sns:us-east-1:{HERE}:late"))
case("resources have case", "names in ARNs are case sensitive", ask(), NO,
     A(resource="arn:aws:s3:::Reports/*"))
case("a user's name has case", "the page says so of IAM user names",
     ask(action="iam:GetUser", resource=ANN.arn), NO,
     A("iam:GetUser", f"arn:aws:iam::{HERE}:user/Ann"))
case("one of a list of resources", "an element may list resources", ask(), YES,
     A(resource=["arn:aws:s3:::x/*", OBJECT]))
case("an action on no resource needs a star", "such actions take * as their resource",
     ask(action="iam:GetAccountSummary", resource="*"), NO,
     A("iam:GetAccountSummary", f"arn:aws:iam::{HERE}:user/ann"))
case("users under a path", "the page's example of a path",
     ask(action="iam:GetUser", resource=f"arn:aws:iam::{HERE}:user/accounting/carl"), YES,
     A("iam:GetUser", f"arn:aws:iam::{HERE}:user/accounting/*"))
case("NotResource allows the others", "it matches everything except its list", ask(), YES,
     A(resource=None, NotResource="arn:aws:s3:::x/*"))
case("NotResource does not allow what it names", "it matches everything except its list", ask(),
     NO, A(resource=None, NotResource="arn:aws:s3:::reports/*"))
case("NotResource in a deny", "everything but its list is denied", ask(), DENIED, A("*"),
     D("s3:*", None, NotResource=["arn:aws:s3:::public", "arn:aws:s3:::public/*"]))
case("NotResource in a deny spares what it names", "everything but its list is denied", ask(), YES,
     A("*"), D("s3:*", None, NotResource=["arn:aws:s3:::reports", "arn:aws:s3:::reports/*"]))

case = Group("Policy variables", "IAM user guide: Policy elements: Variables and tags")
HOME = "arn:aws:s3:::home/${aws:username}/*"
case("a variable is filled", "the caller's value stands in its place",
     ask(resource="arn:aws:s3:::home/ann/a"), YES, A(resource=HOME))
case("a variable of somebody else", "the caller's value stands in its place",
     ask(resource="arn:aws:s3:::home/bob/a"), NO, A(resource=HOME))
case("variable names have no case", "key names are not case sensitive",
     ask(resource="arn:aws:s3:::home/ann/a"), YES,
     A(resource="arn:aws:s3:::home/${AWS:UserName}/*"))
case("a role's session has no user name", "the key is not present for assumed roles",
     ask(SESSION, resource="arn:aws:s3:::home/night/a"), NO, A(resource=HOME))
case("a user's id", "aws:userid is the user's unique id",
     ask(resource="arn:aws:s3:::home/AIDAANN/a"), YES,
     A(resource="arn:aws:s3:::home/${aws:userid}/*"))
case("a session's id", "aws:userid is role-id:session-name",
     ask(SESSION, resource="arn:aws:s3:::home/AROAREADER:night/a"), YES,
     A(resource="arn:aws:s3:::home/${aws:userid}/*"))
case("a tag of the principal", "tags are variables under aws:PrincipalTag/",
     ask(resource="arn:aws:s3:::team/ops/x"), YES,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/team}/*"))
case("a tag that the principal lacks", "no value, no match",
     ask(resource="arn:aws:s3:::team//x"), NO,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/unit}/*"))
case("a default for a missing variable", "the text in quotes stands in its place",
     ask(resource="arn:aws:s3:::team/none/x"), YES,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/unit, 'none'}/*"))
case("a default is not used where there is a value", "it is for variables without one",
     ask(resource="arn:aws:s3:::team/none/x"), NO,
     A(resource="arn:aws:s3:::team/${aws:PrincipalTag/team, 'none'}/*"))
case("an escaped star is a star", "${*} stands for the character",
     ask(resource="arn:aws:s3:::bin/*"), YES, A(resource="arn:aws:s3:::bin/${*}"))
case("an escaped star is only a star", "${*} stands for the character",
     ask(resource="arn:aws:s3:::bin/x"), NO, A(resource="arn:aws:s3:::bin/${*}"))
case("an escaped question mark", "${?} stands for the character",
     ask(resource="arn:aws:s3:::bin/x"), NO, A(resource="arn:aws:s3:::bin/${?}"))
case("an escaped dollar", "${$} stands for the character",
     ask(resource="arn:aws:s3:::bin/$5"), YES, A(resource="arn:aws:s3:::bin/${$}5"))
case("the older version has no variables", "they are literal text before 2012-10-17",
     ask(resource="arn:aws:s3:::home/ann/a"), NO, A(resource=HOME), version="2008-10-17")
case("a variable in a condition", "string operators take variables", listing(prefix="ann/"), YES,
     when("StringEquals", "s3:prefix", "${aws:username}/", "s3:ListBucket"))
case("a variable before a star in a condition", "StringLike takes both", listing(prefix="ann/x"),
     YES, when("StringLike", "s3:prefix", "${aws:username}/*", "s3:ListBucket"))
case("a variable in an ARN condition", "ARN operators take variables",
     ask(aws__sourcearn=f"arn:aws:sns:eu-central-1:{HERE}:ann"), YES,
     when("ArnEquals", "aws:SourceArn", f"arn:aws:sns:eu-central-1:{HERE}:${{aws:username}}"))
case("numbers take no variables", "the Numeric operators cannot use them",
     ask(s3__max_keys="5", x__limit="10"), NO,
     when("NumericLessThan", "s3:max-keys", "${x:limit}"))
case("dates take no variables", "the Date operators cannot use them",
     ask(aws__currenttime="2026-05-01T00:00:00Z", x__end="2026-06-01T00:00:00Z"), NO,
     when("DateLessThan", "aws:CurrentTime", "${x:end}"))
case("addresses take no variables", "the IP operators cannot use them",
     ask(aws__sourceip="203.0.113.7", x__net="203.0.113.0/24"), NO,
     when("IpAddress", "aws:SourceIp", "${x:net}"))
case("no variable before the fifth colon", "only an ARN's last part takes variables",
     ask(action="sns:Publish", resource=f"arn:aws:sns:eu-central-1:{HERE}:late",
         aws__requestedregion="eu-central-1"), NO,
     A("sns:Publish", f"arn:aws:sns:${{aws:RequestedRegion}}:{HERE}:late"))
case("the guide's queue of each user", "a variable within a name",
     ask(action="sqs:SendMessage", resource=f"arn:aws:sqs:us-east-2:{HERE}:ann-queue"), YES,
     A("sqs:*", "arn:aws:sqs:us-east-2:*:${aws:username}-queue"))
