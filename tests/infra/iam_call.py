"""A row of IAM's table as a real call: a private cloud is set up, boto3 asks, the answer tells.

Only what a client can bring about is asked: conditions on the time, on addresses or on services in
between are left to the evaluator. Limit: S3, IAM, KMS, Secrets Manager, STS, SNS, SQS; this
account's users and roles.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from infra.cloud import simulation
from infra.cloud.fixtures import Cloud, CloudError, Identity, allow, loopback, private_cloud, trusts
from infra.cloud.iam import Document
from tests.infra.iam_cases.form import ANN, DENIED, KEY, NO, SECRET, SESSION, TARGET, YES, Case

# What follows from the caller alone, here as in the row.
OWN = {"aws:username", "aws:principalarn", "aws:principalaccount", "aws:principalisawsservice",
       "aws:principalservicename"}  # fmt: skip
# What every call has and a client cannot choose.
FIXED = {"aws:requestedregion": "eu-central-1", "aws:viaawsservice": "false",
         "kms:grantisforawsresource": "false"}  # fmt: skip
ALWAYS = {"aws:currenttime", "aws:epochtime", "aws:sourceip", "aws:useragent", "aws:userid",
          "kms:calleraccount", *FIXED}  # fmt: skip
# What a client chooses, by action; a name that ends in / stands for all of its tags.
CHOSEN: dict[str, set[str]] = {
    "s3:GetObject": {"s3:existingobjecttag/"},
    "s3:PutObject": {"s3:x-amz-server-side-encryption", "s3:x-amz-acl"},
    "s3:PutObjectTagging": {"s3:requestobjecttag/", "s3:requestobjecttagkeys"},
    "s3:ListBucket": {"s3:prefix", "s3:delimiter", "s3:max-keys"},
    "s3:DeleteBucket": set(), "s3:ListAllMyBuckets": set(), "s3:GetObjectVersion": set(),
    "iam:ListUsers": set(), "iam:GetAccountSummary": set(), "iam:ListAccessKeys": set(),
    "iam:CreateAccessKey": set(), "iam:CreatePolicy": set(),
    "iam:GetUser": {"aws:resourcetag/", "iam:resourcetag/"},
    "iam:DeleteUser": {"aws:resourcetag/", "iam:resourcetag/"},
    "iam:UntagUser": {"aws:tagkeys"}, "iam:AttachUserPolicy": {"iam:policyarn"},
    "iam:CreateUser": {"aws:requesttag/", "aws:tagkeys", "iam:permissionsboundary"},
    "iam:PassRole": {"iam:passedtoservice"},
    "kms:Decrypt": {"kms:encryptioncontext:", "kms:encryptioncontextkeys", "aws:resourcetag/",
                    "kms:resourcealiases"},
    "kms:CreateGrant": {"kms:grantoperations"}, "kms:CreateKey": {"kms:keyspec"},
    "secretsmanager:GetSecretValue": {"secretsmanager:versionstage", "aws:resourcetag/",
                                      "secretsmanager:resourcetag/"},
    "secretsmanager:DescribeSecret": set(),
    "sts:AssumeRole": {"sts:externalid", "sts:rolesessionname"},
    "sts:TagSession": {"aws:requesttag/", "aws:tagkeys", "sts:transitivetagkeys"},
    "sts:SetSourceIdentity": {"sts:sourceidentity"},
    "sns:Publish": set(), "sqs:SendMessage": set(),
}  # fmt: skip


def expressible(case: Case) -> bool:
    """Whether a client can ask the row's question, with nothing else in the context that counts."""
    request, policies = case.request, case.policies
    if request.principal not in (ANN, SESSION) or request.action not in CHOSEN:
        return False
    documents = [*policies.identity, *(policies.boundary or ()), *(policies.session or ())]
    documents += [policies.resource] if policies.resource else []
    keys = {key.lower() for key in simulation.context_keys(documents)}
    return all(_reachable(case, key) for key in keys) and _possible(case)


def _reachable(case: Case, key: str) -> bool:
    given = case.request.context.get(key)
    if key in OWN or key.startswith("aws:principaltag/"):
        return given is None
    if key == "aws:securetransport":
        return given is not None
    if key == "aws:multifactorauthpresent":
        return given == ("false" if case.request.principal is SESSION else None)
    if key == "aws:requestedregion" and case.request.action.startswith("iam:"):
        return given == "us-east-1"
    if key in FIXED and given is not None:
        return given == FIXED[key]
    if key == "aws:tokenissuetime":
        return given is None and case.request.principal is ANN
    names = CHOSEN[case.request.action]
    if any(key == name or (name[-1] in "/:" and key.startswith(name)) for name in names):
        return True
    return given is None and key not in ALWAYS


def _possible(case: Case) -> bool:
    """Some values no client can send: half a key, a role handed to a service we do not have."""
    context = case.request.context
    return (
        str(context.get("s3:max-keys", "1")).isdigit()
        and context.get("iam:passedtoservice", "ec2.amazonaws.com") == "ec2.amazonaws.com"
        and context.get("aws:tagkeys") != []
        and ":us-east-2:" not in case.request.resource
    )


def verdict(case: Case) -> str:
    """Ask, in a cloud of the row's own, and return the verdict; "" if IAM does not store it."""
    with loopback() as socket, private_cloud(socket) as cloud:
        try:
            stage = Stage(cloud, case)
        except CloudError:
            return ""  # a policy that cannot be stored cannot be asked
        foretold = _foretold(stage)
        found = _outcome(case, stage)
        assert foretold in {"", found}, f"{case.title}: simulated {foretold}, then {found}"
        return found


def _foretold(stage: Stage) -> str:
    """Ask SimulatePrincipalPolicy of the user before the user asks; "" for a role."""
    request, policies = stage.case.request, stage.case.policies
    if request.principal is not ANN:
        return ""
    asked: dict[str, Any] = {
        "PolicySourceArn": ANN.arn, "ActionNames": [request.action],
        "ContextEntries": entries(request.context),
    }
    if request.resource != "*":
        asked["ResourceArns"] = [stage.resource]
    if policies.resource is not None:
        asked["ResourcePolicy"] = json.dumps(stage.real(policies.resource))
    found = stage.root("iam").simulate_principal_policy(**asked)["EvaluationResults"]
    return str(found[0]["EvalDecision"])


def entries(context: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a context as the simulator takes it."""
    return [
        {"ContextKeyName": key, "ContextKeyType": "string" if isinstance(v, str) else "stringList",
         "ContextKeyValues": [v] if isinstance(v, str) else list(v)}
        for key, v in context.items()
    ]  # fmt: skip


def _outcome(case: Case, stage: Stage) -> str:
    try:
        DRIVERS[case.request.action](stage)
    except ClientError as error:
        return _refusal(case, error)
    return YES


def _refusal(case: Case, error: ClientError) -> str:
    told = error.response["Error"]
    if told["Code"] not in {"AccessDenied", "AccessDeniedException", "AuthorizationError"}:
        raise AssertionError(f"{case.title}: {error}")
    if f"perform: {case.request.action} ".lower() not in told["Message"].lower():
        raise AssertionError(f"{case.title}: another action was refused: {error}")
    return DENIED if "with an explicit deny" in told["Message"] else NO


class Stage:
    """What a row needs in its cloud, and the client of its caller."""

    def __init__(self, cloud: Cloud, case: Case) -> None:
        self.cloud, self.case = cloud, case
        self.context = case.request.context
        self.names: dict[str, str] = {}
        prepare = PREPARE.get(case.request.action)
        if prepare is not None:
            prepare(self)
        self.who = self._caller()

    def root(self, service: str) -> Any:
        """Return a client that no policy binds."""
        return self.cloud.client(service)

    def client(self, service: str) -> Any:
        """Return the caller's client, over TLS where the row says so."""
        secure = self.context.get("aws:securetransport") == "true"
        return self.cloud.client(service, self.who, secure=secure)

    def real(self, value: Any) -> Any:
        """Return a document or text with the ARNs that were only made now."""
        text = json.dumps(value)
        for written, made in self.names.items():
            text = text.replace(written, made)
        return json.loads(text)

    @property
    def resource(self) -> str:
        """The ARN that is asked for."""
        return str(self.real(self.case.request.resource))

    def tags(self, *prefixes: str) -> list[dict[str, str]]:
        """Return the tags under these keys of the context."""
        return [
            {"Key": key[len(prefix):], "Value": str(value)} for prefix in prefixes
            for key, value in self.context.items() if key.startswith(prefix)
        ]  # fmt: skip

    def _caller(self) -> Identity:
        policies = self.case.policies
        identity: list[Document] = [self.real(d) for d in policies.identity]
        if self.case.request.action == "iam:PassRole":
            identity.append(allow(["iam:AddRoleToInstanceProfile"]))
        boundary = self.real(policies.boundary[0]) if policies.boundary else None
        if self.case.request.principal is ANN:
            made = self.cloud.identity("ann", identity, boundary=boundary)
            self.root("iam").tag_user(UserName="ann", Tags=[{"Key": "team", "Value": "ops"}])
            return made
        role = self.cloud.role("reader", trusts("*"), identity, boundary=boundary)
        wanted = {"RoleArn": role.arn, "RoleSessionName": "night"}
        if policies.session:
            wanted["Policy"] = json.dumps(self.real(policies.session[0]))
        found = self.root("sts").assume_role(**wanted)["Credentials"]
        return Identity(
            SESSION.arn, found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"]
        )


# --- what has to be there ------------------------------------------------------------------------

def _bucket(stage: Stage) -> None:
    name, _, key = stage.case.request.resource.removeprefix("arn:aws:s3:::").partition("/")
    if name == "*":
        return
    s3 = stage.root("s3")
    stage.cloud.bucket(name)
    if key:
        s3.put_object(Bucket=name, Key=key, Body=b"x")
        tags = stage.tags("s3:existingobjecttag/")
        if tags:
            s3.put_object_tagging(Bucket=name, Key=key, Tagging={"TagSet": tags})
    if stage.case.policies.resource is not None:
        s3.put_bucket_policy(Bucket=name, Policy=json.dumps(stage.case.policies.resource))


def _user(stage: Stage) -> None:
    *path, name = stage.case.request.resource.partition(":user/")[2].split("/")
    if name in {"ann", "new"}:
        return
    made: dict[str, Any] = {"UserName": name, "Path": "/".join(["", *path, ""])}
    tags = stage.tags("aws:resourcetag/", "iam:resourcetag/")
    stage.root("iam").create_user(**made, Tags=tags or [{"Key": "team", "Value": "x"}])


def _boundary(stage: Stage) -> None:
    for name in ("limit", "wide"):
        document = json.dumps(allow(["s3:*"]))
        stage.root("iam").create_policy(PolicyName=name, PolicyDocument=document)


def _profile(stage: Stage) -> None:
    stage.root("iam").create_instance_profile(InstanceProfileName="machine")
    stage.cloud.role("target", trusts("*"))


def _key(stage: Stage) -> None:
    kms = stage.root("kms")
    tags = [{"TagKey": t["Key"], "TagValue": t["Value"]} for t in stage.tags("aws:resourcetag/")]
    made = kms.create_key(Tags=tags)["KeyMetadata"]
    stage.names[KEY] = made["Arn"]
    for alias in stage.context.get("kms:resourcealiases", ()):
        kms.create_alias(AliasName=alias, TargetKeyId=made["KeyId"])
    policy = json.dumps(stage.real(stage.case.policies.resource))
    kms.put_key_policy(
        KeyId=made["KeyId"], PolicyName="default", Policy=policy,
        BypassPolicyLockoutSafetyCheck=True,
    )


def _secret(stage: Stage) -> None:
    secrets = stage.root("secretsmanager")
    tags = stage.tags("aws:resourcetag/", "secretsmanager:resourcetag/")
    arn = secrets.create_secret(Name="app/db", SecretString="old", Tags=tags)["ARN"]
    secrets.put_secret_value(SecretId=arn, SecretString="new")
    stage.names[SECRET] = arn
    if stage.case.policies.resource is not None:
        policy = json.dumps(stage.real(stage.case.policies.resource))
        secrets.put_resource_policy(SecretId=arn, ResourcePolicy=policy)


def _role(stage: Stage) -> None:
    trust = stage.case.policies.resource
    assert trust is not None
    if stage.case.request.action != "sts:AssumeRole":  # which a client asks for along with it
        assuming = trusts(ANN.arn)["Statement"]
        trust = {**trust, "Statement": [*trust["Statement"], *assuming]}
    stage.cloud.role("target", trust)


def _topic(stage: Stage) -> None:
    stage.root("sns").create_topic(Name=stage.case.request.resource.rpartition(":")[2])


def _queue(stage: Stage) -> None:
    policy = stage.case.policies.resource
    attributes = {} if policy is None else {"Policy": json.dumps(policy)}
    name = stage.case.request.resource.rpartition(":")[2]
    stage.root("sqs").create_queue(QueueName=name, Attributes=attributes)


PREPARE: dict[str, Callable[[Stage], None]] = {
    **dict.fromkeys([name for name in CHOSEN if name.startswith("s3:")], _bucket),
    **dict.fromkeys(["iam:GetUser", "iam:DeleteUser", "iam:UntagUser", "iam:AttachUserPolicy",
                     "iam:CreateAccessKey", "iam:ListAccessKeys"], _user),
    "iam:CreateUser": _boundary, "iam:PassRole": _profile,
    "kms:Decrypt": _key, "kms:CreateGrant": _key,
    "secretsmanager:GetSecretValue": _secret, "secretsmanager:DescribeSecret": _secret,
    "sts:AssumeRole": _role, "sts:TagSession": _role, "sts:SetSourceIdentity": _role,
    "sns:Publish": _topic, "sqs:SendMessage": _queue,
}  # fmt: skip


# --- the calls -----------------------------------------------------------------------------------

def _place(stage: Stage) -> dict[str, str]:
    bucket, _, key = stage.resource.removeprefix("arn:aws:s3:::").partition("/")
    return {"Bucket": bucket, "Key": key}


def _put(stage: Stage) -> None:
    names = {"ServerSideEncryption": "s3:x-amz-server-side-encryption", "ACL": "s3:x-amz-acl"}
    more = {n: stage.context[k] for n, k in names.items() if k in stage.context}
    stage.client("s3").put_object(**_place(stage), Body=b"y", **more)


def _put_tags(stage: Stage) -> None:
    tags = stage.tags("s3:requestobjecttag/")
    if not tags:
        tags = [{"Key": k, "Value": "v"} for k in stage.context["s3:requestobjecttagkeys"]]
    stage.client("s3").put_object_tagging(**_place(stage), Tagging={"TagSet": tags})


def _list(stage: Stage) -> None:
    names = {"Prefix": "s3:prefix", "Delimiter": "s3:delimiter", "MaxKeys": "s3:max-keys"}
    more: dict[str, Any] = {n: stage.context[k] for n, k in names.items() if k in stage.context}
    if "MaxKeys" in more:
        more["MaxKeys"] = int(more["MaxKeys"])
    stage.client("s3").list_objects_v2(Bucket=_place(stage)["Bucket"], **more)


def _get_version(stage: Stage) -> None:
    place, s3 = _place(stage), stage.root("s3")
    s3.put_bucket_versioning(
        Bucket=place["Bucket"], VersioningConfiguration={"Status": "Enabled"}
    )
    version = s3.put_object(**place, Body=b"z")["VersionId"]
    stage.client("s3").get_object(**place, VersionId=version)


def _delete_bucket(stage: Stage) -> None:
    place = _place(stage)
    stage.client("s3").delete_bucket(Bucket=place["Bucket"])


def _name(stage: Stage) -> dict[str, str]:
    return {"UserName": stage.resource.rpartition("/")[2]}


def _create_user(stage: Stage) -> None:
    more: dict[str, Any] = {}
    if "iam:permissionsboundary" in stage.context:
        more["PermissionsBoundary"] = stage.context["iam:permissionsboundary"]
    tags = stage.tags("aws:requesttag/")
    stage.client("iam").create_user(**_name(stage), **more, Tags=tags)


def _decrypt(stage: Stage) -> None:
    context = {t["Key"]: t["Value"] for t in stage.tags("kms:encryptioncontext:")}
    context |= dict.fromkeys(stage.context.get("kms:encryptioncontextkeys", ()), "v")
    key = {"KeyId": stage.names[KEY], "EncryptionContext": context}
    made = stage.root("kms").encrypt(Plaintext=b"x", **key)["CiphertextBlob"]
    stage.client("kms").decrypt(CiphertextBlob=made, EncryptionContext=context)


def _grant(stage: Stage) -> None:
    operations = stage.context.get("kms:grantoperations", ["Decrypt"])
    stage.client("kms").create_grant(
        KeyId=stage.names[KEY], GranteePrincipal=ANN.arn, Operations=list(operations)
    )


def _get_secret(stage: Stage) -> None:
    stage_name = stage.context.get("secretsmanager:versionstage")
    more = {"VersionStage": stage_name} if stage_name else {}
    stage.client("secretsmanager").get_secret_value(SecretId=stage.resource, **more)


def _assume(stage: Stage) -> None:
    more = {"ExternalId": "sts:externalid", "RoleSessionName": "sts:rolesessionname",
            "SourceIdentity": "sts:sourceidentity", "TransitiveTagKeys": "sts:transitivetagkeys"}
    given: dict[str, Any] = {n: stage.context[k] for n, k in more.items() if k in stage.context}
    given |= {"Tags": tags} if (tags := stage.tags("aws:requesttag/")) else {}
    stage.client("sts").assume_role(RoleArn=TARGET, **{"RoleSessionName": "day"} | given)


def _send(stage: Stage) -> None:
    name = stage.resource.rpartition(":")[2]
    url = stage.root("sqs").get_queue_url(QueueName=name)["QueueUrl"]
    stage.client("sqs").send_message(QueueUrl=url, MessageBody="x")


def _create_key(stage: Stage) -> None:
    spec = stage.context["kms:keyspec"]
    more = {} if spec == "SYMMETRIC_DEFAULT" else {"KeySpec": spec, "KeyUsage": "SIGN_VERIFY"}
    stage.client("kms").create_key(**more)


DRIVERS: dict[str, Callable[[Stage], Any]] = {
    "s3:GetObject": lambda stage: stage.client("s3").get_object(**_place(stage)),
    "s3:GetObjectVersion": _get_version, "s3:PutObject": _put, "s3:PutObjectTagging": _put_tags,
    "s3:ListBucket": _list, "s3:DeleteBucket": _delete_bucket,
    "s3:ListAllMyBuckets": lambda stage: stage.client("s3").list_buckets(),
    "iam:ListUsers": lambda stage: stage.client("iam").list_users(),
    "iam:GetAccountSummary": lambda stage: stage.client("iam").get_account_summary(),
    "iam:GetUser": lambda stage: stage.client("iam").get_user(**_name(stage)),
    "iam:DeleteUser": lambda stage: stage.client("iam").delete_user(**_name(stage)),
    "iam:ListAccessKeys": lambda stage: stage.client("iam").list_access_keys(**_name(stage)),
    "iam:CreateAccessKey": lambda stage: stage.client("iam").create_access_key(**_name(stage)),
    "iam:CreatePolicy": lambda stage: stage.client("iam").create_policy(
        PolicyName="new", PolicyDocument=json.dumps(allow(["s3:*"]))),
    "iam:CreateUser": _create_user,
    "iam:UntagUser": lambda stage: stage.client("iam").untag_user(
        **_name(stage), TagKeys=stage.context["aws:tagkeys"]),
    "iam:AttachUserPolicy": lambda stage: stage.client("iam").attach_user_policy(
        **_name(stage), PolicyArn=stage.context["iam:policyarn"]),
    "iam:PassRole": lambda stage: stage.client("iam").add_role_to_instance_profile(
        InstanceProfileName="machine", RoleName="target"),
    "kms:Decrypt": _decrypt, "kms:CreateGrant": _grant, "kms:CreateKey": _create_key,
    "secretsmanager:GetSecretValue": _get_secret,
    "secretsmanager:DescribeSecret": lambda stage: stage.client("secretsmanager").describe_secret(
        SecretId=stage.resource),
    "sts:AssumeRole": _assume, "sts:TagSession": _assume, "sts:SetSourceIdentity": _assume,
    "sqs:SendMessage": _send,
    "sns:Publish": lambda stage: stage.client("sns").publish(
        TopicArn=stage.resource, Message="x"),
}  # fmt: skip
