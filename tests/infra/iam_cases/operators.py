"""Rows: every condition operator, IfExists, Null, and keys with many values."""

from __future__ import annotations

from tests.infra.iam_cases.form import (
    DENIED,
    HERE,
    NO,
    YES,
    A,
    D,
    Group,
    ask,
    listing,
    unless,
    when,
)

LIST = "s3:ListBucket"
PAGE = "IAM user guide: JSON policy elements: Condition operators"
case = Group("Strings", PAGE)
case("StringEquals", "exact matching", listing(prefix="a/"), YES,
     when("StringEquals", "s3:prefix", "a/", LIST))
case("StringEquals has case", "exact matching, case sensitive", listing(prefix="A/"), NO,
     when("StringEquals", "s3:prefix", "a/", LIST))
case("StringEquals knows no wildcard", "exact matching", listing(prefix="a/b"), NO,
     when("StringEquals", "s3:prefix", "a/*", LIST))
case("keys have no case", "key names are not case sensitive", listing(prefix="a/"), YES,
     when("StringEquals", "S3:PREFIX", "a/", LIST))
case("StringEqualsIgnoreCase", "exact matching, ignoring case", listing(prefix="A/"), YES,
     when("StringEqualsIgnoreCase", "s3:prefix", "a/", LIST))
case("StringNotEquals", "negated matching", listing(prefix="b/"), YES,
     when("StringNotEquals", "s3:prefix", "a/", LIST))
case("StringNotEquals of the same", "negated matching", listing(prefix="a/"), NO,
     when("StringNotEquals", "s3:prefix", "a/", LIST))
case("StringNotEqualsIgnoreCase", "negated matching, ignoring case", listing(prefix="A/"), NO,
     when("StringNotEqualsIgnoreCase", "s3:prefix", "a/", LIST))
case("StringLike", "* stands for any characters", listing(prefix="a/b/c"), YES,
     when("StringLike", "s3:prefix", "a/*", LIST))
case("StringLike has case", "matching is case sensitive", listing(prefix="A/b"), NO,
     when("StringLike", "s3:prefix", "a/*", LIST))
case("StringLike with a question mark", "? stands for one character", listing(prefix="a1/"), YES,
     when("StringLike", "s3:prefix", "a?/", LIST))
case("StringLike matches the whole", "wildcards are needed for partial matches",
     listing(prefix="xa/"), NO, when("StringLike", "s3:prefix", "a*", LIST))
case("StringNotLike", "negated matching", listing(prefix="a/b/c"), NO,
     when("StringNotLike", "s3:prefix", "a/*", LIST))
case("the guide's home folders, the top", "an empty prefix is one of the patterns",
     listing(prefix=""), YES,
     when("StringLike", "s3:prefix", ["", "home/", "home/${aws:username}/"], LIST))
case("the guide's home folders, another's", "it is none of the patterns",
     listing(prefix="home/bob/"), NO,
     when("StringLike", "s3:prefix", ["", "home/", "home/${aws:username}/"], LIST))
case("a missing key fails StringEquals", "absent values do not match", listing(), NO,
     when("StringEquals", "s3:prefix", "a/", LIST))
case("a missing key fails StringLike", "absent values do not match, not even *", listing(), NO,
     when("StringLike", "s3:prefix", "*", LIST))
case("a missing key passes StringNotEquals", "a negated operator is true then", listing(), YES,
     when("StringNotEquals", "s3:prefix", "a/", LIST))
case("a missing key passes StringNotLike", "a negated operator is true then", listing(), YES,
     when("StringNotLike", "s3:prefix", "a/*", LIST))

case = Group(
    "Several keys and values", "IAM user guide: Conditions with multiple context keys or values"
)
case("values are alternatives", "several values of a key are OR", listing(prefix="b/"), YES,
     when("StringEquals", "s3:prefix", ["a/", "b/"], LIST))
case("keys must all hold", "several keys of an operator are AND",
     listing(prefix="a/", delimiter="-"), NO,
     A(LIST, Condition={"StringEquals": {"s3:prefix": "a/", "s3:delimiter": "/"}}))
case("operators must all hold", "several operators are AND",
     ask(action=LIST, resource="arn:aws:s3:::reports", s3__prefix="a/",
         aws__securetransport="false"), NO,
     A(LIST, Condition={"StringEquals": {"s3:prefix": "a/"},
                        "Bool": {"aws:SecureTransport": "true"}}))
case("operators all hold", "several operators are AND",
     ask(action=LIST, resource="arn:aws:s3:::reports", s3__prefix="a/",
         aws__securetransport="true"), YES,
     A(LIST, Condition={"StringEquals": {"s3:prefix": "a/"},
                        "Bool": {"aws:SecureTransport": "true"}}))
case("a negated operator wants none of its values", "several values are NOR then",
     listing(prefix="b/"), NO, when("StringNotEquals", "s3:prefix", ["a/", "b/"], LIST))
case("none of its values", "several values are NOR then", listing(prefix="c/"), YES,
     when("StringNotEquals", "s3:prefix", ["a/", "b/"], LIST))
case("StringNotLike wants none of its patterns", "several values are NOR then",
     listing(prefix="b/x"), NO, when("StringNotLike", "s3:prefix", ["a/*", "b/*"], LIST))

case = Group("Numbers", PAGE)
for name, value, want, verdict in (
    ("NumericEquals", "10", "10", YES), ("NumericEquals", "10", "10.0", YES),
    ("NumericEquals", "10", "11", NO), ("NumericNotEquals", "11", "10", YES),
    ("NumericNotEquals", "10", "10", NO), ("NumericLessThan", "9", "10", YES),
    ("NumericLessThan", "10", "10", NO), ("NumericLessThanEquals", "10", "10", YES),
    ("NumericLessThanEquals", "11", "10", NO), ("NumericGreaterThan", "11", "10", YES),
    ("NumericGreaterThan", "10", "10", NO), ("NumericGreaterThanEquals", "10", "10", YES),
    ("NumericGreaterThanEquals", "9.5", "10", NO),
):  # fmt: skip
    case(f"{name} of {value} and {want}", "integers and decimals are compared as numbers",
         ask(action=LIST, resource="arn:aws:s3:::reports", s3__max_keys=value), verdict,
         when(name, "s3:max-keys", want, LIST))
case("numbers are not compared as text", "9 is less than 10",
     ask(action=LIST, resource="arn:aws:s3:::reports", s3__max_keys="9"), NO,
     when("NumericGreaterThan", "s3:max-keys", "10", LIST))
case("a number without quotes", "policies may write numbers so",
     ask(action=LIST, resource="arn:aws:s3:::reports", s3__max_keys="9"), YES,
     when("NumericLessThan", "s3:max-keys", 10, LIST))
case("a missing number", "absent values do not match", listing(), NO,
     when("NumericLessThanEquals", "s3:max-keys", "10", LIST))
case("a missing number, negated", "a negated operator is true then", listing(), YES,
     when("NumericNotEquals", "s3:max-keys", "10", LIST))
case("an age in seconds", "aws:MultiFactorAuthAge works with numeric operators",
     ask(aws__multifactorauthage="300"), YES,
     when("NumericLessThan", "aws:MultiFactorAuthAge", "3600"))

case = Group("Dates", PAGE)
for name, value, want, verdict in (
    ("DateEquals", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00Z", YES),
    ("DateEquals", "2026-05-01T00:00:01Z", "2026-05-01T00:00:00Z", NO),
    ("DateNotEquals", "2026-05-01T00:00:01Z", "2026-05-01T00:00:00Z", YES),
    ("DateLessThan", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", YES),
    ("DateLessThan", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", NO),
    ("DateLessThanEquals", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", YES),
    ("DateGreaterThan", "2026-05-01T00:00:00Z", "2026-06-01T00:00:00Z", NO),
    ("DateGreaterThan", "2026-06-02T00:00:00Z", "2026-06-01T00:00:00Z", YES),
    ("DateGreaterThanEquals", "2026-06-01T00:00:00Z", "2026-06-01T00:00:00Z", YES),
    ("DateLessThan", "2026-05-01T00:30:00Z", "2026-05-01T00:00:00-01:00", YES),
    ("DateGreaterThan", "2026-05-01T12:00:00Z", "2026-05-01", YES),
    ("DateGreaterThan", "2026-05-02T12:00:00Z", "2026-05", YES),
    ("DateLessThan", "2026-05-01T00:00:00Z", "2026-05-01T00:00:00.5Z", YES),
):  # fmt: skip
    case(f"{name} of {value} and {want}", "dates are ISO 8601 as W3C has it",
         ask(aws__currenttime=value), verdict, when(name, "aws:CurrentTime", want))
case("dates may be seconds", "dates may be in epoch time", ask(aws__epochtime="1777593600"), YES,
     when("DateGreaterThanEquals", "aws:EpochTime", "1777593600"))
case("the epoch time as a number", "aws:EpochTime works with numeric operators too",
     ask(aws__epochtime="1777593600"), NO, when("NumericLessThan", "aws:EpochTime", "1777593600"))
case("a date knows no wildcard", "wildcards are not permitted in dates",
     ask(aws__currenttime="2026-05-01T00:00:00Z"), NO,
     when("DateEquals", "aws:CurrentTime", "2026-05-*"))
case("a user's keys have no issue time", "the key is there for temporary credentials only", ask(),
     NO, when("DateGreaterThan", "aws:TokenIssueTime", "2020-01-01T00:00:01Z"))

case = Group("Bool and Null", PAGE)
case("Bool true", "Boolean matching", ask(aws__securetransport="true"), YES,
     when("Bool", "aws:SecureTransport", "true"))
case("Bool written as a JSON value", "policies may write true so", ask(aws__securetransport="true"),
     YES, when("Bool", "aws:SecureTransport", True))
case("Bool false", "Boolean matching", ask(aws__securetransport="false"), NO,
     when("Bool", "aws:SecureTransport", "true"))
case("a missing key fails Bool", "absent values do not match", ask(), NO,
     when("Bool", "aws:MultiFactorAuthPresent", "false"))
case("BoolIfExists passes it", "IfExists is true for an absent key", ask(), YES,
     when("BoolIfExists", "aws:MultiFactorAuthPresent", "true"))
case("Null true: the key is absent", "true means that the key does not exist", listing(), YES,
     when("Null", "s3:prefix", "true", LIST))
case("Null true: the key is there", "true means that the key does not exist", listing(prefix="a"),
     NO, when("Null", "s3:prefix", "true", LIST))
case("Null false: the key is there", "false means that it exists", listing(prefix="a"), YES,
     when("Null", "s3:prefix", "false", LIST))
case("Null false: the key is absent", "false means that it exists", listing(), NO,
     when("Null", "s3:prefix", "false", LIST))
case("own credentials only", "the guide's check of aws:TokenIssueTime with Null", ask(), YES,
     when("Null", "aws:TokenIssueTime", "true"))
case("own credentials only, with temporary ones", "the key exists for temporary credentials",
     ask(aws__tokenissuetime="2026-05-01T00:00:00Z"), NO,
     when("Null", "aws:TokenIssueTime", "true"))

case = Group("IfExists", PAGE)
for name, key, good, bad in (
    ("StringEquals", "s3:prefix", "a/", "b/"), ("StringLike", "s3:prefix", "a*", "b*"),
    ("NumericLessThan", "s3:max-keys", "10", "1"), ("ArnLike", "aws:SourceArn",
     f"arn:aws:sns:*:{HERE}:l*", f"arn:aws:sns:*:{HERE}:x*"),
    ("IpAddress", "aws:SourceIp", "203.0.113.0/24", "192.0.2.0/24"),
    ("DateLessThan", "aws:CurrentTime", "2026-06-01T00:00:00Z", "2026-01-01T00:00:00Z"),
):  # fmt: skip
    there = {"s3:prefix": "a/", "s3:max-keys": "5", "aws:SourceIp": "203.0.113.7",
             "aws:SourceArn": f"arn:aws:sns:eu-west-1:{HERE}:late",
             "aws:CurrentTime": "2026-05-01T00:00:00Z"}  # fmt: skip
    case(f"{name}IfExists without the key", "an absent key makes it true", ask(), YES,
         when(f"{name}IfExists", key, bad))
    case(f"{name}IfExists with a key that fits", "a key that is there is compared",
         ask(context={key: there[key]}), YES, when(f"{name}IfExists", key, good))
    case(f"{name}IfExists with a key that does not", "a key that is there is compared",
         ask(context={key: there[key]}), NO, when(f"{name}IfExists", key, bad))
case("the guide's policy that does not work", "images have no instance type",
     ask(action="ec2:RunInstances", resource="arn:aws:ec2:eu-central-1::image/ami-1"), NO,
     when("StringLike", "ec2:InstanceType", ["t1.*", "t2.*"], "ec2:RunInstances"))
case("the guide's policy that does", "IfExists passes what has no instance type",
     ask(action="ec2:RunInstances", resource="arn:aws:ec2:eu-central-1::image/ami-1"), YES,
     when("StringLikeIfExists", "ec2:InstanceType", ["t1.*", "t2.*"], "ec2:RunInstances"))
case("the guide's policy and a large instance", "the key is there and does not match",
     ask(action="ec2:RunInstances", resource=f"arn:aws:ec2:eu-central-1:{HERE}:instance/*",
         ec2__instancetype="p5.48xlarge"), NO,
     when("StringLikeIfExists", "ec2:InstanceType", ["t1.*", "t2.*"], "ec2:RunInstances"))
case("a negated IfExists in a deny", "the request is denied though the key is missing", ask(),
     DENIED, A(), unless("StringNotEqualsIfExists", "aws:PrincipalTag/unit", "x"))

case = Group("Binary, addresses and ARNs", PAGE)
case("BinaryEquals", "byte for byte against base64",
     ask(app__bytes="QmluYXJ5VmFsdWVJbkJhc2U2NA=="), YES,
     when("BinaryEquals", "app:bytes", "QmluYXJ5VmFsdWVJbkJhc2U2NA=="))
case("BinaryEquals of other bytes", "byte for byte against base64", ask(app__bytes="QmluYXJ5"), NO,
     when("BinaryEquals", "app:bytes", "QmluYXJ5VmFsdWVJbkJhc2U2NA=="))
case("IpAddress in a range", "addresses within the range match", ask(aws__sourceip="203.0.113.7"),
     YES, when("IpAddress", "aws:SourceIp", "203.0.113.0/24"))
case("IpAddress outside", "addresses outside do not", ask(aws__sourceip="198.51.100.7"), NO,
     when("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "192.0.2.1"]))
case("an address without a prefix", "the default is /32", ask(aws__sourceip="192.0.2.1"), YES,
     when("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "192.0.2.1"]))
case("an address beside it", "the default is /32", ask(aws__sourceip="192.0.2.2"), NO,
     when("IpAddress", "aws:SourceIp", "192.0.2.1"))
case("NotIpAddress", "all addresses except the range", ask(aws__sourceip="198.51.100.7"), YES,
     when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"))
case("NotIpAddress within", "all addresses except the range", ask(aws__sourceip="203.0.113.9"), NO,
     when("NotIpAddress", "aws:SourceIp", "203.0.113.0/24"))
case("a deny for strange addresses", "the guide's example of NotIpAddress",
     ask(aws__sourceip="198.51.100.7"), DENIED, A(),
     unless("NotIpAddress", "aws:SourceIp", ["192.0.2.0/24", "203.0.113.0/24"]))
case("version 6 in a range", "IPv6 ranges are written with ::",
     ask(aws__sourceip="2001:db8:1234:5678::1"), YES,
     when("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]))
case("version 6 outside", "IPv6 ranges are written with ::",
     ask(aws__sourceip="2001:db8:1234:5679::1"), NO,
     when("IpAddress", "aws:SourceIp", ["203.0.113.0/24", "2001:DB8:1234:5678::/64"]))
LATE = f"arn:aws:sns:eu-west-1:{HERE}:late"
case("ArnLike", "each part may have wildcards", ask(aws__sourcearn=LATE), YES,
     when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:l*"))
case("ArnLike has case", "matching is case sensitive", ask(aws__sourcearn=LATE), NO,
     when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:L*"))
case("ArnEquals is ArnLike", "the two behave identically", ask(aws__sourcearn=LATE), YES,
     when("ArnEquals", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:lat?"))
case("ArnNotLike", "negated matching", ask(aws__sourcearn=LATE), NO,
     when("ArnNotLike", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:late"))
case("ArnNotEquals", "negated matching", ask(aws__sourcearn=LATE), YES,
     when("ArnNotEquals", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:early"))
case("a missing ARN", "absent values do not match", ask(), NO,
     when("ArnLike", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:late"))
case("a missing ARN, negated", "a negated operator is true then", ask(), YES,
     when("ArnNotLike", "aws:SourceArn", f"arn:aws:sns:*:{HERE}:late"))
FINANCE = "arn:aws:someservice:us-east-2:999999999999:store/abc:111122223333:finance/document.txt"
case("the guide's ARN with StringLike", "the first star matches across colons",
     ask(aws__sourcearn=FINANCE), YES,
     when("StringLike", "aws:SourceArn", "arn:aws:someservice:*:111122223333:finance/*"))
case("the guide's ARN with ArnLike", "each part is compared by itself",
     ask(aws__sourcearn=FINANCE), NO,
     when("ArnLike", "aws:SourceArn", "arn:aws:someservice:*:111122223333:finance/*"))

case = Group(
    "Keys with many values", "IAM user guide: Single-valued vs. multivalued context keys"
)
TAGS = "aws:TagKeys"
ALL, ANY = "ForAllValues:StringEquals", "ForAnyValue:StringEquals"
case("ForAllValues", "each value in the request matches one in the policy",
     ask(aws__tagkeys=["a", "b"]), YES, when(ALL, TAGS, ["a", "b", "c"]))
case("ForAllValues with one too many", "each value must match", ask(aws__tagkeys=["a", "z"]), NO,
     when(ALL, TAGS, ["a", "b"]))
case("ForAllValues without the key", "true if the request has no such key", ask(), YES,
     when(ALL, TAGS, ["a"]))
case("ForAllValues of an empty set", "true if the key resolves to an empty set",
     ask(aws__tagkeys=[]), YES, when(ALL, TAGS, ["a"]))
case("ForAllValues and Null", "Null false keeps absent keys from passing", ask(), NO,
     A(Condition={ALL: {TAGS: ["a"]}, "Null": {TAGS: "false"}}))
case("ForAllValues and Null, with tags", "both conditions hold", ask(aws__tagkeys=["a"]), YES,
     A(Condition={ALL: {TAGS: ["a"]}, "Null": {TAGS: "false"}}))
case("ForAllValues:StringLike", "wildcards want StringLike",
     ask(aws__tagkeys=["team-a", "team-b"]), YES,
     when("ForAllValues:StringLike", TAGS, "team-*"))
case("ForAllValues:StringNotEquals", "each value must be none of the policy's",
     ask(aws__tagkeys=["a", "z"]), NO, when("ForAllValues:StringNotEquals", TAGS, ["a"]))
case("ForAnyValue", "one value that matches is enough", ask(aws__tagkeys=["z", "a"]), YES,
     when(ANY, TAGS, ["a"]))
case("ForAnyValue without one", "one value must match", ask(aws__tagkeys=["z"]), NO,
     when(ANY, TAGS, ["a"]))
case("ForAnyValue without the key", "false if the request has no such key", ask(), NO,
     when(ANY, TAGS, ["a"]))
case("ForAnyValue of an empty set", "false if the key resolves to an empty set",
     ask(aws__tagkeys=[]), NO, when(ANY, TAGS, ["a"]))
case("ForAnyValue:StringLike", "wildcards want StringLike", ask(aws__tagkeys=["z", "team-b"]), YES,
     when("ForAnyValue:StringLike", TAGS, "team-*"))
case("ForAnyValue:StringNotEquals", "one value that is none of the policy's is enough",
     ask(aws__tagkeys=["a", "z"]), YES, when("ForAnyValue:StringNotEquals", TAGS, ["a"]))
READ = {"action": "dynamodb:GetItem", "resource": f"arn:aws:dynamodb:eu-west-1:{HERE}:table/Thread"}
case("the guide's table, its columns only", "all requested attributes are listed",
     ask(**READ, dynamodb__attributes=["PostDateTime", "Tags"]), YES,
     when("ForAllValues:StringLike", "dynamodb:Attributes", ["PostDateTime", "Message", "Tags"],
          "dynamodb:GetItem"))
case("the guide's table, one column more", "ID is not listed",
     ask(**READ, dynamodb__attributes=["PostDateTime", "ID"]), NO,
     when("ForAllValues:StringLike", "dynamodb:Attributes", ["PostDateTime", "Message", "Tags"],
          "dynamodb:GetItem"))
case("the guide's table, a forbidden column", "any of them makes the deny apply",
     ask(**READ, dynamodb__attributes=["Message", "PostDateTime"]), DENIED, A("dynamodb:*"),
     D("dynamodb:GetItem", Condition={"ForAnyValue:StringLike": {
         "dynamodb:Attributes": ["ID", "PostDateTime"]}}))
case("the guide's table, none of them forbidden", "the deny does not apply",
     ask(**READ, dynamodb__attributes=["UserName"]), YES, A("dynamodb:*"),
     D("dynamodb:GetItem", Condition={"ForAnyValue:StringLike": {
         "dynamodb:Attributes": ["ID", "PostDateTime"]}}))
case("many values fill no variable", "multivalued keys cannot be variables",
     ask(resource="arn:aws:s3:::team/a/x", aws__tagkeys=["a"]), NO,
     A(resource="arn:aws:s3:::team/${aws:TagKeys}/*"))
