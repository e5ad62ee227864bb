"""Rows: KMS, trust, S3, Secrets Manager, tags, and IAM's own keys."""

from __future__ import annotations

from tests.infra.iam_cases.form import (
    ACCOUNT_ROOT,
    ANN,
    BOB,
    BUCKET,
    DENIED,
    HERE,
    KEY,
    LAMBDA,
    NO,
    ROLE,
    ROOT,
    SECRET,
    SESSION,
    STRANGER,
    TARGET,
    THERE,
    YES,
    A,
    D,
    Group,
    ask,
    listing,
    when,
)

DECRYPT = "kms:Decrypt"
OPEN = [A("kms:*", Principal=ACCOUNT_ROOT)]  # the default key policy
use = ask(action=DECRYPT, resource=KEY)
case = Group("KMS keys", "KMS developer guide: Key policies in AWS KMS")
case("a key policy that names the account delegates", "the default policy enables IAM policies",
     use, YES, A(DECRYPT, KEY), resource=OPEN)
case("delegating is not granting", "IAM policies must then allow", use, NO, resource=OPEN)
case("an identity policy is not enough for a key", "without the key policy it has no effect", use,
     NO, A("*"), resource=[A("kms:*", Principal={"AWS": ROLE})])
case("a key policy that names the user is enough", "the key policy alone can grant", use, YES,
     resource=[A(DECRYPT, Principal={"AWS": ANN.arn})])
case("a key policy that names the role is enough", "a session has the role's permissions",
     ask(SESSION, DECRYPT, KEY), YES, resource=[A(DECRYPT, Principal={"AWS": ROLE})])
case("it delegates only what it names", "without the key policy IAM policies have no effect", use,
     NO, A("kms:*"), resource=[A("kms:Describe*", Principal=ACCOUNT_ROOT)])
case("not even root, where the key forgets it", "the root user has no right of its own to a key",
     ask(ROOT, DECRYPT, KEY), NO, resource=[A("kms:*", Principal={"AWS": ANN.arn})])
case("root, where the key names the account", "the default policy keeps the root user in",
     ask(ROOT, DECRYPT, KEY), YES, resource=OPEN)
case("IAM may deny without the key", "an IAM policy can deny without the key policy's leave", use,
     DENIED, D("kms:*"), resource=[A("kms:*", Principal={"AWS": ANN.arn})])
case("a key policy's deny", "a deny overrides", use, DENIED, A("kms:*"),
     resource=[*OPEN, D(DECRYPT, Principal="*")])
case("another account's user of our key, named", "the key policy and the user's own must allow",
     ask(STRANGER, DECRYPT, KEY), YES, A(DECRYPT, KEY),
     resource=[*OPEN, A(DECRYPT, Principal={"AWS": THERE})])
case("another account's user, key alone", "the user's own policy must allow as well",
     ask(STRANGER, DECRYPT, KEY), NO, resource=[*OPEN, A(DECRYPT, Principal={"AWS": THERE})])
case("another account's user, own policy alone", "the key policy must allow as well",
     ask(STRANGER, DECRYPT, KEY), NO, A(DECRYPT, KEY), resource=OPEN)

case = Group("KMS conditions", "KMS developer guide: AWS KMS condition keys")
VIA = {"StringEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}}
case("kms:ViaService", "the key has the service that asks for the caller",
     ask(action=DECRYPT, resource=KEY, kms__viaservice="s3.eu-central-1.amazonaws.com"), YES,
     A(DECRYPT, Condition=VIA), resource=OPEN)
case("kms:ViaService of another service", "the key has the service that asks",
     ask(action=DECRYPT, resource=KEY,
         kms__viaservice="secretsmanager.eu-central-1.amazonaws.com"), NO,
     A(DECRYPT, Condition=VIA), resource=OPEN)
case("kms:ViaService, called directly", "the key is not there in direct calls", use, NO,
     A(DECRYPT, Condition=VIA), resource=OPEN)
case("a deny of direct calls", "StringNotEquals is true for an absent key", use, DENIED,
     A(DECRYPT), resource=[*OPEN, D("kms:*", Principal="*", Condition={
         "StringNotEquals": {"kms:ViaService": "s3.eu-central-1.amazonaws.com"}})])
case("everybody of the account, through a service", "the pattern of AWS managed keys",
     ask(action=DECRYPT, resource=KEY, kms__viaservice="s3.eu-central-1.amazonaws.com",
         kms__calleraccount=HERE), YES,
     resource=[A("kms:*", Principal={"AWS": "*"}, Condition={
         "StringEquals": {"kms:CallerAccount": HERE,
                          "kms:ViaService": "s3.eu-central-1.amazonaws.com"}})])
case("an encryption context", "kms:EncryptionContext:key has its value",
     ask(action=DECRYPT, resource=KEY, context={"kms:EncryptionContext:dept": "it"}), YES,
     when("StringEquals", "kms:EncryptionContext:dept", "it", DECRYPT), resource=OPEN)
case("another encryption context", "values in an encryption context have case",
     ask(action=DECRYPT, resource=KEY, context={"kms:EncryptionContext:dept": "IT"}), NO,
     when("StringEquals", "kms:EncryptionContext:dept", "it", DECRYPT), resource=OPEN)
case("no encryption context", "an absent key does not match", use, NO,
     when("StringEquals", "kms:EncryptionContext:dept", "it", DECRYPT), resource=OPEN)
case("keys of an encryption context", "kms:EncryptionContextKeys is multivalued",
     ask(action=DECRYPT, resource=KEY, context={"kms:EncryptionContextKeys": ["dept", "app"]}),
     NO, when("ForAllValues:StringEquals", "kms:EncryptionContextKeys", ["dept"], DECRYPT),
     resource=OPEN)
case("a key's alias", "kms:ResourceAliases is multivalued",
     ask(action=DECRYPT, resource=KEY, context={"kms:ResourceAliases": ["alias/app"]}), YES,
     when("ForAnyValue:StringEquals", "kms:ResourceAliases", "alias/app", DECRYPT), resource=OPEN)
case("a key's tag", "aws:ResourceTag works for KMS keys",
     ask(action=DECRYPT, resource=KEY, context={"aws:ResourceTag/env": "prod"}), NO,
     when("StringEquals", "aws:ResourceTag/env", "test", DECRYPT), resource=OPEN)
GRANT = when("Bool", "kms:GrantIsForAWSResource", "true", "kms:CreateGrant")
case("grants for services only, asked directly", "false unless a service creates the grant",
     ask(action="kms:CreateGrant", resource=KEY, kms__grantisforawsresource="false"), NO, GRANT,
     resource=OPEN)
case("grants for services only, asked by one", "true when a service creates the grant",
     ask(action="kms:CreateGrant", resource=KEY, kms__grantisforawsresource="true"), YES, GRANT,
     resource=OPEN)
case("a grant for some operations", "kms:GrantOperations is multivalued",
     ask(action="kms:CreateGrant", resource=KEY,
         context={"kms:GrantOperations": ["Decrypt", "Encrypt"]}), NO,
     when("ForAllValues:StringEquals", "kms:GrantOperations", ["Decrypt"], "kms:CreateGrant"),
     resource=OPEN)

SPEC = when("StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT", "kms:CreateKey")
case("a new key of the default kind", "the condition sees a parameter's default",
     ask(action="kms:CreateKey", resource="*", kms__keyspec="SYMMETRIC_DEFAULT"), YES, SPEC)
case("a new key of another kind", "kms:KeySpec has the request's KeySpec",
     ask(action="kms:CreateKey", resource="*", kms__keyspec="RSA_4096"), NO, SPEC)

ASSUME = "sts:AssumeRole"
asked = ask(action=ASSUME, resource=TARGET)
case = Group("Trust", "IAM user guide: Roles terms and concepts; IAM and STS condition keys")


def trust(principal: object, action: object = ASSUME, **more: object) -> list[dict[str, object]]:
    """Return the statements of a trust policy with one Allow."""
    return [A(action, None, Principal=principal, **more)]


case("a trust policy that names the user", "the trust policy alone can allow", asked, YES,
     resource=trust({"AWS": ANN.arn}))
case("a trust policy that names the account wants an identity policy", "it delegates", asked, NO,
     resource=trust(ACCOUNT_ROOT))
case("and is content with one", "it delegates", asked, YES, A(ASSUME, TARGET),
     resource=trust(ACCOUNT_ROOT))
case("an identity policy for another role", "it delegates", asked, NO, A(ASSUME, ROLE),
     resource=trust(ACCOUNT_ROOT))
case("no trust, no role", "the trust policy must explicitly allow", asked, NO, A("*"),
     resource=trust({"AWS": BOB}))
case("trust for another action", "sts:TagSession is not sts:AssumeRole", asked, NO, A("*"),
     resource=trust({"AWS": ANN.arn}, "sts:TagSession"))
case("a deny in the trust policy", "a deny overrides", asked, DENIED, A("*"),
     resource=[*trust({"AWS": ANN.arn}), D(ASSUME, None, Principal="*")])
case("a deny of the user's own", "a deny overrides", asked, DENIED, D(ASSUME),
     resource=trust({"AWS": ANN.arn}))
case("a role that trusts a role", "chaining: the session has the role's trust",
     ask(SESSION, ASSUME, TARGET), YES, resource=trust({"AWS": ROLE}))
case("a role that trusts a session", "the session is named directly",
     ask(SESSION, ASSUME, TARGET), YES, resource=trust({"AWS": SESSION.arn}))
case("a role's session within a boundary", "the role's grant is limited by its boundary",
     ask(SESSION, ASSUME, TARGET), NO, boundary=[A("s3:*")], resource=trust({"AWS": ROLE}))
case("a service that is trusted", "service roles name the service",
     ask(LAMBDA, ASSUME, TARGET), YES, resource=trust({"Service": "lambda.amazonaws.com"}))
case("a user where a service is trusted", "the statement names the service", asked, NO, A("*"),
     resource=trust({"Service": "lambda.amazonaws.com"}))
OUTSIDE = f"arn:aws:iam::{THERE}:root"
case("a stranger, trusted by account", "both accounts must allow",
     ask(STRANGER, ASSUME, TARGET), YES, A(ASSUME, TARGET), resource=trust({"AWS": OUTSIDE}))
case("a stranger, trusted, without a right at home", "both accounts must allow",
     ask(STRANGER, ASSUME, TARGET), NO, resource=trust({"AWS": STRANGER.arn}))
EXTERNAL = {"StringEquals": {"sts:ExternalId": "42"}}
case("an external id", "the trust policy wants it",
     ask(action=ASSUME, resource=TARGET, sts__externalid="42"), YES,
     resource=trust({"AWS": ANN.arn}, Condition=EXTERNAL))
case("a wrong external id", "the trust policy wants another",
     ask(action=ASSUME, resource=TARGET, sts__externalid="41"), NO,
     resource=trust({"AWS": ANN.arn}, Condition=EXTERNAL))
case("no external id", "an absent key does not match", asked, NO,
     resource=trust({"AWS": ANN.arn}, Condition=EXTERNAL))
case("a session's name must be the user's", "sts:RoleSessionName and aws:username",
     ask(action=ASSUME, resource=TARGET, sts__rolesessionname="ann"), YES,
     resource=trust({"AWS": ANN.arn},
                    Condition={"StringLike": {"sts:RoleSessionName": "${aws:username}"}}))
case("a session under another name", "sts:RoleSessionName and aws:username",
     ask(action=ASSUME, resource=TARGET, sts__rolesessionname="bob"), NO,
     resource=trust({"AWS": ANN.arn},
                    Condition={"StringLike": {"sts:RoleSessionName": "${aws:username}"}}))
case("MFA in a trust policy, without", "the key is absent for a user's own keys", asked, NO,
     resource=trust({"AWS": ANN.arn},
                    Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
case("MFA in a trust policy, with", "the key is true",
     ask(action=ASSUME, resource=TARGET, aws__multifactorauthpresent="true"), YES,
     resource=trust({"AWS": ANN.arn},
                    Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))

case = Group("Session tags", "IAM user guide: Passing session tags in AWS STS")
TAGGED = {"action": "sts:TagSession", "resource": TARGET}
STARS = {"StringLike": {"aws:RequestTag/Project": "*", "aws:RequestTag/CostCenter": "*"}}
PROJECT = {"aws:RequestTag/Project": "x", "aws:RequestTag/CostCenter": "1",
           "aws:TagKeys": ["Project", "CostCenter"]}  # fmt: skip
case("tags without sts:TagSession", "the trust policy must allow it besides AssumeRole",
     ask(**TAGGED, context=PROJECT), NO, resource=trust({"AWS": ANN.arn}))
case("tags with sts:TagSession", "the trust policy allows it", ask(**TAGGED, context=PROJECT),
     YES, resource=trust({"AWS": ANN.arn}, [ASSUME, "sts:TagSession"]))
case("tags that must be passed, and are", "aws:RequestTag has what is passed",
     ask(**TAGGED, context=PROJECT), YES,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition=STARS))
case("tags that must be passed, one missing", "all keys must match",
     ask(**TAGGED, context={"aws:RequestTag/Project": "x"}), NO,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition=STARS))
case("a tag with a value not allowed", "aws:RequestTag has what is passed",
     ask(**TAGGED, context={"aws:RequestTag/Department": "Sales"}), NO,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition={
         "StringEquals": {"aws:RequestTag/Department": ["Engineering", "Marketing"]}}))
case("transitive tags within the list", "sts:TransitiveTagKeys is multivalued",
     ask(**TAGGED, context=PROJECT | {"sts:TransitiveTagKeys": ["Project"]}), YES,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition={
         "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["Project", "Department"]}}))
case("a transitive tag beyond the list", "sts:TransitiveTagKeys is multivalued",
     ask(**TAGGED, context=PROJECT | {"sts:TransitiveTagKeys": ["CostCenter"]}), NO,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition={
         "ForAllValues:StringEquals": {"sts:TransitiveTagKeys": ["Project", "Department"]}}))
case("no transitive tag at all", "one can be demanded with Null",
     ask(**TAGGED, context=PROJECT), NO,
     resource=trust({"AWS": ANN.arn}, "sts:TagSession", Condition={
         "Null": {"sts:TransitiveTagKeys": "false"}}))

case = Group(
    "Source identity", "IAM user guide: Monitor and control actions taken with assumed roles"
)
SOURCE = {"action": "sts:SetSourceIdentity", "resource": TARGET}
case("a source identity that the trust allows", "the trust policy may set its value",
     ask(**SOURCE, sts__sourceidentity="DevUser"), YES,
     resource=trust({"AWS": ANN.arn}, [ASSUME, "sts:SetSourceIdentity"],
                    Condition={"StringEquals": {"sts:SourceIdentity": "DevUser"}}))
case("another source identity", "the trust policy may set its value",
     ask(**SOURCE, sts__sourceidentity="Eve"), NO,
     resource=trust({"AWS": ANN.arn}, [ASSUME, "sts:SetSourceIdentity"],
                    Condition={"StringEquals": {"sts:SourceIdentity": "DevUser"}}))
case("a source identity without the right", "sts:SetSourceIdentity is an action of its own",
     ask(**SOURCE, sts__sourceidentity="DevUser"), NO, resource=trust({"AWS": ANN.arn}))
case("the user's own name as the source identity", "the guide's policy with aws:username",
     ask(**SOURCE, sts__sourceidentity="ann"), YES,
     A("sts:SetSourceIdentity", TARGET,
       Condition={"StringLike": {"sts:SourceIdentity": "${aws:username}"}}),
     resource=trust(ACCOUNT_ROOT, [ASSUME, "sts:SetSourceIdentity"]))
case("another's name as the source identity", "the guide's policy with aws:username",
     ask(**SOURCE, sts__sourceidentity="bob"), NO,
     A("sts:SetSourceIdentity", TARGET,
       Condition={"StringLike": {"sts:SourceIdentity": "${aws:username}"}}),
     resource=trust(ACCOUNT_ROOT, [ASSUME, "sts:SetSourceIdentity"]))

case = Group("S3", "S3 user guide: Actions, resources and condition keys; policy examples")
case("the bucket is not its objects", "objects have ARNs of their own", ask(), NO,
     A(resource=BUCKET))
case("objects are not the bucket", "ListBucket is an action on the bucket", listing(), NO,
     A("s3:ListBucket", f"{BUCKET}/*"))
case("listing is an action on the bucket", "ListBucket is an action on the bucket", listing(),
     YES, A("s3:ListBucket", BUCKET))
case("reading is not listing", "GetObject does not allow ListBucket", listing(), NO, A())
case("listing is not reading", "ListBucket does not allow GetObject", ask(), NO,
     A("s3:ListBucket"))
case("a version is another action", "GetObjectVersion is for requests with a version",
     ask(action="s3:GetObjectVersion"), NO, A())
case("a folder of a bucket", "object ARNs hold the key", ask(), YES,
     A(resource=f"{BUCKET}/2026/*"))
case("a bucket whose name begins alike", "the slash ends the bucket's name",
     ask(resource="arn:aws:s3:::reports-old/x"), NO, A(resource=f"{BUCKET}/*"))
case("a star after the bucket's name", "the star covers other buckets too",
     ask(resource="arn:aws:s3:::reports-old/x"), YES, A(resource=f"{BUCKET}*"))
case("all buckets' names", "ListAllMyBuckets is on all buckets",
     ask(action="s3:ListAllMyBuckets", resource="arn:aws:s3:::*"), YES,
     A("s3:ListAllMyBuckets", "arn:aws:s3:::*"))
case("all buckets' names, of one bucket", "it cannot be limited to one",
     ask(action="s3:ListAllMyBuckets", resource="arn:aws:s3:::*"), NO,
     A("s3:ListAllMyBuckets", BUCKET))
case("a prefix and a delimiter", "the guide's walkthrough of folders",
     listing(prefix="2026/", delimiter="/"), YES,
     A("s3:ListBucket", BUCKET, Condition={"StringEquals": {"s3:prefix": ["", "2026/"],
                                                            "s3:delimiter": "/"}}))
case("another prefix", "the condition does not hold", listing(prefix="2025/"), NO,
     when("StringEquals", "s3:prefix", "2026/", "s3:ListBucket", BUCKET))
case("a deny of other prefixes", "an absent prefix is not the right one", listing(), DENIED,
     A("s3:*"), D("s3:ListBucket", BUCKET,
                  Condition={"StringNotEquals": {"s3:prefix": "2026/"}}))
case("at most ten keys", "s3:max-keys with a numeric operator",
     ask(action="s3:ListBucket", resource=BUCKET, s3__max_keys="10"), YES,
     when("NumericLessThanEquals", "s3:max-keys", "10", "s3:ListBucket", BUCKET))
put = {"action": "s3:PutObject"}
SSE = "s3:x-amz-server-side-encryption"
UNENCRYPTED = D("s3:PutObject", f"{BUCKET}/*", Principal="*",
                Condition={"StringNotEquals": {SSE: "aws:kms"}})
case("an upload under KMS", "the header is the condition's value",
     ask(**put, context={SSE: "aws:kms"}), YES, A("s3:PutObject"), resource=[UNENCRYPTED])
case("an upload under another algorithm", "the header is another",
     ask(**put, context={SSE: "AES256"}), DENIED, A("s3:PutObject"), resource=[UNENCRYPTED])
case("an upload without the header", "StringNotEquals is true for an absent key", ask(**put),
     DENIED, A("s3:PutObject"), resource=[UNENCRYPTED])
case("no header at all, with Null", "Null true: the key does not exist", ask(**put), DENIED,
     A("s3:PutObject"), resource=[D("s3:PutObject", f"{BUCKET}/*", Principal="*",
                                    Condition={"Null": {SSE: "true"}})])
case("the owner's full control", "s3:x-amz-acl has the header's value",
     ask(**put, s3__x_amz_acl="bucket-owner-full-control"), YES,
     when("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control", "s3:PutObject"))
case("without the owner's full control", "an absent key does not match", ask(**put), NO,
     when("StringEquals", "s3:x-amz-acl", "bucket-owner-full-control", "s3:PutObject"))
case("only over TLS", "the guide's deny of aws:SecureTransport false",
     ask(aws__securetransport="false"), DENIED, A(),
     resource=[D("s3:*", [BUCKET, f"{BUCKET}/*"], Principal="*",
                 Condition={"Bool": {"aws:SecureTransport": "false"}})])
case("an object's tag", "s3:ExistingObjectTag has what the object carries",
     ask(context={"s3:ExistingObjectTag/class": "public"}), YES,
     when("StringEquals", "s3:ExistingObjectTag/class", "public"))
case("another tag of an object", "s3:ExistingObjectTag has what the object carries",
     ask(context={"s3:ExistingObjectTag/class": "secret"}), NO,
     when("StringEquals", "s3:ExistingObjectTag/class", "public"))
case("an object without the tag", "an absent key does not match", ask(), NO,
     when("StringEquals", "s3:ExistingObjectTag/class", "public"))
TAG_KEYS = when("ForAllValues:StringLike", "s3:RequestObjectTagKeys", ["Owner", "CreationDate"],
                "s3:PutObjectTagging")
case("tag keys that are allowed", "s3:RequestObjectTagKeys is multivalued",
     ask(action="s3:PutObjectTagging", context={"s3:RequestObjectTagKeys": ["Owner"]}), YES,
     TAG_KEYS)
case("a tag key that is not", "s3:RequestObjectTagKeys is multivalued",
     ask(action="s3:PutObjectTagging", context={"s3:RequestObjectTagKeys": ["Owner", "x"]}), NO,
     TAG_KEYS)
case("a tag's value in the request", "s3:RequestObjectTag has what the request carries",
     ask(action="s3:PutObjectTagging", context={"s3:RequestObjectTag/Project": "X"}), YES,
     when("StringEquals", "s3:RequestObjectTag/Project", ["X", "Y"], "s3:PutObjectTagging"))

case = Group("Secrets", "Secrets Manager user guide: Authentication and access control")
GET = "secretsmanager:GetSecretValue"
value = ask(action=GET, resource=SECRET)
case("a secret by its ARN", "six characters end a secret's ARN", value, YES,
     A(GET, SECRET[:-6] + "??????"))
case("a secret without its end", "the ARN does not match without them", value, NO,
     A(GET, SECRET[:-7]))
case("secrets under a path", "names may have paths", value, YES,
     A(GET, f"arn:aws:secretsmanager:*:{HERE}:secret:app/*"))
case("a secret's own policy is enough", "resource policies grant by themselves in the account",
     value, YES, resource=[A(GET, Principal={"AWS": ANN.arn})])
case("a secret's own policy denies", "a deny overrides", value, DENIED, A(GET),
     resource=[D(GET, Principal="*",
                 Condition={"StringNotEquals": {"aws:PrincipalTag/team": "dev"}})])
case("a stage of a secret", "secretsmanager:VersionStage has what the request asks for",
     ask(action=GET, resource=SECRET, secretsmanager__versionstage="AWSPREVIOUS"), NO,
     when("StringEquals", "secretsmanager:VersionStage", "AWSCURRENT", GET))
case("the stage that is allowed", "secretsmanager:VersionStage has what the request asks for",
     ask(action=GET, resource=SECRET, secretsmanager__versionstage="AWSCURRENT"), YES,
     when("StringEquals", "secretsmanager:VersionStage", "AWSCURRENT", GET))
case("a secret's tag", "secretsmanager:ResourceTag has the secret's tags",
     ask(action=GET, resource=SECRET, context={"secretsmanager:ResourceTag/env": "prod"}), NO,
     when("StringEquals", "secretsmanager:ResourceTag/env", "test", GET))
case("reading is not describing", "each is an action of its own",
     ask(action="secretsmanager:DescribeSecret", resource=SECRET), NO, A(GET))

case = Group("Tags", "IAM user guide: Controlling access to AWS resources using tags")
USER = f"arn:aws:iam::{HERE}:user/new"
create = {"action": "iam:CreateUser", "resource": USER}
case("the same tag on both", "aws:ResourceTag against aws:PrincipalTag",
     ask(action="iam:GetUser", resource=BOB, context={"aws:ResourceTag/team": "ops"}), YES,
     when("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}", "iam:GetUser"))
case("different tags", "aws:ResourceTag against aws:PrincipalTag",
     ask(action="iam:GetUser", resource=BOB, context={"aws:ResourceTag/team": "dev"}), NO,
     when("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}", "iam:GetUser"))
case("no tag on the resource", "an absent key does not match",
     ask(action="iam:GetUser", resource=BOB), NO,
     when("StringEquals", "aws:ResourceTag/team", "${aws:PrincipalTag/team}", "iam:GetUser"))
case("a tag of the caller", "aws:PrincipalTag has the tags of the user", ask(), YES,
     when("StringEquals", "aws:PrincipalTag/team", "ops"))
case("a tag's value has case", "StringEquals is case sensitive", ask(), NO,
     when("StringEquals", "aws:PrincipalTag/team", "Ops"))
case("a tag's key has none", "key names are not case sensitive", ask(), YES,
     when("StringEquals", "aws:PrincipalTag/TEAM", "ops"))
case("a tag that a new user must have", "aws:RequestTag has what the request passes",
     ask(**create, context={"aws:RequestTag/team": "ops", "aws:TagKeys": ["team"]}), YES,
     when("StringEquals", "aws:RequestTag/team", "ops", "iam:CreateUser"))
case("another value of it", "aws:RequestTag has what the request passes",
     ask(**create, context={"aws:RequestTag/team": "dev", "aws:TagKeys": ["team"]}), NO,
     when("StringEquals", "aws:RequestTag/team", "ops", "iam:CreateUser"))
case("a new user without it", "an absent key does not match", ask(**create), NO,
     when("StringEquals", "aws:RequestTag/team", "ops", "iam:CreateUser"))
ONLY = A("iam:CreateUser", Condition={
    "StringEquals": {"aws:RequestTag/team": "ops"},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["team"]}})  # fmt: skip
case("no tags but it", "aws:TagKeys limits the keys",
     ask(**create, context={"aws:RequestTag/team": "ops", "aws:TagKeys": ["team"]}), YES, ONLY)
case("one tag too many", "aws:TagKeys limits the keys",
     ask(**create, context={"aws:RequestTag/team": "ops", "aws:RequestTag/x": "y",
                            "aws:TagKeys": ["team", "x"]}), NO, ONLY)
case("a tag that nobody may take away", "aws:TagKeys has the keys to remove",
     ask(action="iam:UntagUser", resource=BOB, context={"aws:TagKeys": ["team"]}), DENIED,
     A("iam:*"), D("iam:UntagUser", Condition={
         "ForAnyValue:StringEquals": {"aws:TagKeys": ["team"]}}))

case = Group("IAM's own keys", "IAM user guide: IAM and AWS STS condition context keys")
PASS = {"action": "iam:PassRole", "resource": TARGET}
TO_EC2 = when("StringEquals", "iam:PassedToService", "ec2.amazonaws.com", "iam:PassRole", TARGET)
case("passing a role to a service", "iam:PassedToService has the service's principal",
     ask(**PASS, iam__passedtoservice="ec2.amazonaws.com"), YES, TO_EC2)
case("passing it to another", "iam:PassedToService has the service's principal",
     ask(**PASS, iam__passedtoservice="lambda.amazonaws.com"), NO, TO_EC2)
case("passing roles by their names", "PassRole is limited by the Resource element",
     ask(**PASS, iam__passedtoservice="ec2.amazonaws.com"), NO,
     A(["iam:GetRole", "iam:PassRole"], f"arn:aws:iam::{HERE}:role/EC2-roles-for-XYZ-*"))
case("getting a role is not passing it", "PassRole is a permission of its own",
     ask(**PASS, iam__passedtoservice="ec2.amazonaws.com"), NO, A("iam:GetRole"))
LIMIT = f"arn:aws:iam::{HERE}:policy/limit"
BOUND = when("StringEquals", "iam:PermissionsBoundary", LIMIT, "iam:CreateUser")
case("a new user within the boundary", "the key has the boundary of the request",
     ask(**create, iam__permissionsboundary=LIMIT), YES, BOUND)
case("a new user without a boundary", "an absent key does not match", ask(**create), NO, BOUND)
case("a new user within another boundary", "the key has the boundary of the request",
     ask(**create, iam__permissionsboundary=f"arn:aws:iam::{HERE}:policy/wide"), NO, BOUND)
READ = "arn:aws:iam::aws:policy/ReadOnlyAccess"
ATTACH = when("ArnEquals", "iam:PolicyARN", READ, "iam:AttachUserPolicy")
case("attaching the policy that is allowed", "iam:PolicyARN has the managed policy",
     ask(action="iam:AttachUserPolicy", resource=BOB, iam__policyarn=READ), YES, ATTACH)
case("attaching another", "iam:PolicyARN has the managed policy",
     ask(action="iam:AttachUserPolicy", resource=BOB,
         iam__policyarn="arn:aws:iam::aws:policy/AdministratorAccess"), NO, ATTACH)
case("attaching within AWS's job functions", "ARN operators take wildcards",
     ask(action="iam:AttachUserPolicy", resource=BOB,
         iam__policyarn="arn:aws:iam::aws:policy/job-function/Billing"), YES,
     when("ArnLike", "iam:PolicyARN", "arn:aws:iam::aws:policy/job-function/*",
          "iam:AttachUserPolicy"))
case("deleting users who have left", "iam:ResourceTag has the user's tags",
     ask(action="iam:DeleteUser", resource=BOB, context={"iam:ResourceTag/status": "terminated"}),
     YES, when("StringEquals", "iam:ResourceTag/status", "terminated", "iam:DeleteUser"))
case("deleting users who have not", "iam:ResourceTag has the user's tags",
     ask(action="iam:DeleteUser", resource=BOB, context={"iam:ResourceTag/status": "active"}),
     NO, when("StringEquals", "iam:ResourceTag/status", "terminated", "iam:DeleteUser"))
case("one's own access keys", "the guide's policy with aws:username",
     ask(action="iam:CreateAccessKey", resource=ANN.arn), YES,
     A("iam:*AccessKey*", f"arn:aws:iam::{HERE}:user/${{aws:username}}"))
case("another's access keys", "the guide's policy with aws:username",
     ask(action="iam:CreateAccessKey", resource=BOB), NO,
     A("iam:*AccessKey*", f"arn:aws:iam::{HERE}:user/${{aws:username}}"))

case = Group("MFA and region", "IAM user guide: AWS global condition context keys")
MFA = "aws:MultiFactorAuthPresent"
case("MFA demanded, absent key", "a user's own keys have no such key", ask(), NO,
     when("Bool", MFA, "true"))
case("MFA demanded, false", "temporary credentials without MFA",
     ask(SESSION, context={MFA: "false"}), NO, when("Bool", MFA, "true"))
case("MFA demanded, true", "temporary credentials with MFA", ask(SESSION, context={MFA: "true"}),
     YES, when("Bool", MFA, "true"))
case("the deny that is not recommended", "Bool false does not hit a user's own keys", ask(), YES,
     A(), D(Condition={"Bool": {MFA: "false"}}))
case("the deny that is", "BoolIfExists false hits a user's own keys", ask(), DENIED, A(),
     D(Condition={"BoolIfExists": {MFA: "false"}}))
case("the deny that is, for a session", "BoolIfExists false hits sessions without MFA",
     ask(SESSION, context={MFA: "false"}), DENIED, A(),
     D(Condition={"BoolIfExists": {MFA: "false"}}))
case("the deny that is, with MFA", "it spares requests with MFA",
     ask(SESSION, context={MFA: "true"}), YES, A(), D(Condition={"BoolIfExists": {MFA: "false"}}))
case("the allow for programs", "BoolIfExists true lets a user's own keys pass", ask(), YES,
     when("BoolIfExists", MFA, "true"))
case("the allow for programs, without MFA", "a key that is there must be true",
     ask(SESSION, context={MFA: "false"}), NO, when("BoolIfExists", MFA, "true"))
case("Null does not test MFA", "Null false holds for any temporary credentials",
     ask(SESSION, context={MFA: "false"}), YES, when("Null", MFA, "false"))
case("a region that is allowed", "aws:RequestedRegion is the region that is called",
     ask(aws__requestedregion="eu-central-1"), YES,
     when("StringEquals", "aws:RequestedRegion", ["eu-west-1", "eu-central-1"]))
case("a region that is not", "aws:RequestedRegion is the region that is called",
     ask(aws__requestedregion="eu-central-1"), NO,
     when("StringEquals", "aws:RequestedRegion", ["eu-west-1", "eu-west-2"]))
case("IAM counts as us-east-1", "IAM's one endpoint lies in us-east-1",
     ask(action="iam:ListUsers", resource=f"arn:aws:iam::{HERE}:user/",
         aws__requestedregion="us-east-1"), DENIED, A("*"),
     D("*", Condition={"StringNotEquals": {"aws:RequestedRegion": "eu-central-1"}}))
case("a service in between", "aws:ViaAWSService is true when a service asks for the caller",
     ask(aws__viaawsservice="true"), DENIED, A(),
     D(Condition={"Bool": {"aws:ViaAWSService": "true"}}))
case("a chain of services", "aws:CalledVia is multivalued",
     ask(context={"aws:CalledVia": ["cloudformation.amazonaws.com", "dynamodb.amazonaws.com"]}),
     YES, when("ForAnyValue:StringEquals", "aws:CalledVia", ["dynamodb.amazonaws.com"]))
case("called directly", "aws:CalledVia is absent then", ask(), NO,
     when("ForAnyValue:StringEquals", "aws:CalledVia", ["dynamodb.amazonaws.com"]))
