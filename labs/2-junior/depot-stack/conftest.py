"""The environments of one depot: what was left of one, what the learner builds, who meddles.

Everything is read from the services themselves, whichever tool built it. Terraform runs in the
learner's sandbox, with a provider from a folder on disk and the private cloud as its only network.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError
from larkmoor import stream
from larkmoor.places import DEPOTS

from autograder import NotHere, fixture, given
from infra.cloud import terraform as tool
from infra.cloud.fixtures import allow, private_cloud
from infra.cloud.stacks import template as templates

REGIONS = ("eu-central-1", "eu-north-1", "eu-west-1")
OTHERS = ("trial", "training", "demo", "rehearsal")
OWNERS = ("maren", "tobias", "ines", "jonas", "asta")
# what the list says -> what is asked when it is not so
LIST = {
    "key state": "there is no key behind the alias, or it is off",
    "key rotation": "the key is never renewed",
    "bucket versions": "the ledger keeps no old versions, or it is not there",
    "bucket encryption": "the ledger is not encrypted by default under this key, with a bucket key",
    "bucket public": "nothing keeps the ledger from being made public. There are four switches",
    "table keys": "the table is not there, or its keys are others than the list's",
    "table billing": "the table is not paid by request",
    "table recovery": "the table cannot be brought back to a point in time",
    "log retention": "the scanner's log is kept for another time than the parameter says",
    "alarm metric": "the alarm watches something else, or against another limit",
    "alarm dimensions": "the alarm watches another depot, or all of them",
    "alarm silence": "when the depot falls silent, the alarm says nothing",
    "alarm actions": "the alarm is muted",
    "role trust": "somebody else than Lambda may put the scanner's role on",
    "role policy": "the scanner's rights are not in one inline policy called scan",
    "database location": "the database is not there, or points elsewhere",
    "key tags": "the key does not say whose it is",
    "bucket tags": "the ledger does not say whose it is",
    "table tags": "the table does not say whose it is",
    "log group tags": "the log group does not say whose it is",
    "alarm tags": "the alarm does not say whose it is",
    "role tags": "the role does not say whose it is",
}
REMOVALS = (
    "DeleteBucket", "DeleteObject", "DeleteObjects", "DeleteLogGroup", "DeleteLogStream",
)  # fmt: skip
DENIED = ("AccessDenied", "AccessDeniedException", "403")
# of the four switches, those that somebody had once turned
BLOCKS = (
    {"BlockPublicAcls": True, "IgnorePublicAcls": True},
    {"BlockPublicPolicy": True, "RestrictPublicBuckets": True},
    {"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True},
)  # fmt: skip
DATA = {
    "AWS::S3::Bucket", "AWS::DynamoDB::Table", "AWS::KMS::Key",
    "aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key",
}  # fmt: skip


# --- what is drawn from the seed -------------------------------------------------------------


class Plan:
    """The names and numbers of one depot, and what happens to it."""

    def __init__(self, seed: int) -> None:
        self.rng = stream(seed, "depot-stack")
        self.depot = self.one_of(DEPOTS).lower().replace(" ", "")
        self.region = self.one_of(REGIONS)
        self.first = self.site("staging")
        self.second = self.site(self.one_of(OTHERS))

    def one_of(self, words: Any) -> Any:
        """One of these."""
        return words[int(self.rng.integers(len(words)))]

    def site(self, environment: str) -> dict[str, Any]:
        """One environment: its stack and what tells it from others."""
        return {
            "stack": f"{self.depot}-{environment}",
            "region": self.region,
            "parameters": {
                "Depot": self.depot,
                "Environment": environment,
                "Owner": self.one_of(OWNERS),
                "RetentionDays": self.one_of([14, 30, 60, 90, 180]),
                "LateLimit": int(self.rng.integers(11, 90)),
            },
        }


class Names:
    """What the list calls the things of a site."""

    def __init__(self, site: dict[str, Any]) -> None:
        given = site["parameters"]
        depot, environment = given["Depot"], given["Environment"]
        self.site = site
        self.tags = {"depot": depot, "environment": environment, "owner": given["Owner"]}
        self.alias = f"alias/{depot}-{environment}"
        self.bucket = f"larkmoor-{depot}-{environment}-ledger"
        self.table = f"{depot}-{environment}-parcels"
        self.group = f"/larkmoor/{depot}/{environment}/scanner"
        self.role = f"{depot}-{environment}-scanner"
        self.alarm = f"{depot}-{environment}-late"
        self.database = f"{depot}_{environment}"


@fixture
def plan(seed: int) -> Plan:
    """This seed's depot."""
    return Plan(seed)


@given("depot.json")
@fixture
def desk_site(plan: Plan) -> dict[str, Any]:
    """The environment to rebuild."""
    return plan.first


@given("depot.tfvars.json")
@fixture
def desk_variables(plan: Plan) -> dict[str, Any]:
    """The same, as Terraform takes it."""
    return variables(plan.first, keep=True, adopt=False)


def variables(site: dict[str, Any], keep: bool, adopt: bool) -> dict[str, Any]:
    """A site's parameters as Terraform calls them."""
    given = site["parameters"]
    return {
        "depot": given["Depot"],
        "environment": given["Environment"],
        "owner": given["Owner"],
        "retention_days": given["RetentionDays"],
        "late_limit": given["LateLimit"],
        "keep": keep,
        "adopt": adopt,
    }


# --- the account -----------------------------------------------------------------------------


class Estate:
    """One account: what is in it, as its services tell; and everybody who works in it."""

    def __init__(self, work: Any, cloud: Any, plan: Plan, graded: bool) -> None:
        self.work, self.cloud, self.plan, self.graded = work, cloud, plan, graded
        self.formation = cloud.client("cloudformation", read_timeout=600)
        self._clients: dict[str, Any] = {}
        self.deployer = cloud.identity("deployer", [allow(["*"])])

    def __getattr__(self, service: str) -> Any:
        """The judge's own client of a service."""
        if service.startswith("_"):
            raise AttributeError(service)
        if service not in self._clients:
            self._clients[service] = self.cloud.client(service)
        return self._clients[service]

    # --- stacks ------------------------------------------------------------------------------

    def template(self) -> str:
        """The learner's template."""
        return bytes(self.work.read("depot.yaml", 1 << 20)).decode(errors="replace")

    def deploy(self, site: dict[str, Any], text: str = "") -> None:
        """Make a stack from the learner's template, with nothing but the site's parameters."""
        try:
            self.formation.create_stack(**self._wanted(site, text or self.template()))
        except ClientError as error:
            raise AssertionError(
                f"the template is refused{self._said(error.response['Error']['Message'])}"
            ) from None
        assert self.status(site) == "CREATE_COMPLETE", (
            f"the stack was rolled back{self._said(self._why(site))}"
        )

    def update_changes(self, site: dict[str, Any]) -> bool:
        """Does the same template, deployed once more, find anything to do?"""
        try:
            self.formation.update_stack(**self._wanted(site, self.template()))
        except ClientError as error:
            return "No updates are to be performed" not in str(error)
        return True

    def _wanted(self, site: dict[str, Any], text: str) -> dict[str, Any]:
        given = site["parameters"].items()
        return {
            "StackName": site["stack"],
            "TemplateBody": text or "{}",
            "Parameters": [{"ParameterKey": k, "ParameterValue": str(v)} for k, v in given],
            "Capabilities": ["CAPABILITY_NAMED_IAM"],
        }

    def status(self, site: dict[str, Any]) -> str:
        """A stack's status."""
        try:
            found = self.formation.describe_stacks(StackName=site["stack"])["Stacks"]
        except ClientError:
            return "there is none"
        return str(found[0]["StackStatus"])

    def _why(self, site: dict[str, Any]) -> str:
        events = self.formation.describe_stack_events(StackName=site["stack"])["StackEvents"]
        said = [e for e in events if e["ResourceStatus"].endswith("_FAILED")]
        first = said[-1] if said else {}
        return f"{first.get('LogicalResourceId')}: {first.get('ResourceStatusReason')}"

    def _said(self, words: str) -> str:
        """On the desk, what the cloud said; a graded run shows nothing of it."""
        return "" if self.graded else f": {words[:300]}"

    def held(self, site: dict[str, Any]) -> dict[str, tuple[str, str]]:
        """Type and physical id of what a stack holds, by logical name."""
        found = self.cloud.state("cloudformation").get(site["stack"], {"resources": {}})
        return {k: (v["type"], v["id"]) for k, v in found["resources"].items()}

    def delete(self, site: dict[str, Any]) -> str:
        """Delete a stack; its last status. Where there is none, nothing has to go."""
        if self.status(site) == "there is none":
            return "DELETE_COMPLETE"
        made = self.formation.describe_stacks(StackName=site["stack"])["Stacks"][0]["StackId"]
        self.formation.delete_stack(StackName=made)
        found = self.formation.describe_stacks(StackName=made)["Stacks"]
        return str(found[0]["StackStatus"])

    def removed_since(self, mark: int) -> list[str]:
        """Which things with data in them, or parts of their data, were deleted since a moment."""
        told = [call.operation for call in self.cloud.log_since(mark) if call.status < 400]
        return [one for one in told if one in REMOVALS]

    def tried_since(self, mark: int, *operations: str) -> bool:
        """Did anybody call one of these since a moment, whatever came of it?"""
        return any(call.operation in operations for call in self.cloud.log_since(mark))

    # --- programs ----------------------------------------------------------------------------

    def give(self, site: dict[str, Any]) -> None:
        """Write down which environment is meant."""
        self.work.write("site.json", json.dumps(site).encode())

    def written(self, path: str) -> Any:
        """What a program of the learner's wrote as JSON."""
        return json.loads(self.work.read(path, 1 << 16))

    def run(self, file: str, *words: str, who: Any = None) -> int:
        """Run one of the learner's programs as somebody; its exit status."""
        env = self.cloud.env(who or self.deployer)
        self._program = self.work.run(file, *words, env=env)
        return int(self._program.wait())

    def adopt(self, site: dict[str, Any], who: Any = None) -> int:
        """Run the learner's program on a site as somebody; its exit status."""
        self.give(site)
        return self.run("adopt.py", "site.json", who=who)

    def adopts(self, site: dict[str, Any], when: str) -> None:
        """The learner's program, with all rights, ends well."""
        ended = self.adopt(site)
        assert ended == 0, f"{when}, the program does not end well{self.last_words()}"

    def last_words(self) -> str:
        """On the desk, the last line that a program of the learner's wrote."""
        said = self._program.output().decode(errors="replace").strip().splitlines()
        return self._said(said[-1]) if said else ""

    def somebody_without(self, name: str, *actions: str) -> Any:
        """Somebody who may do everything but this."""
        deny = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
        return self.cloud.identity(
            name, [allow(["*"]), {"Version": "2012-10-17", "Statement": [deny]}]
        )

    # --- the list ----------------------------------------------------------------------------

    def names(self, site: dict[str, Any]) -> Names:
        """What the list calls the things of a site."""
        return Names(site)

    def is_as_listed(self, site: dict[str, Any]) -> None:
        """Everything on the list is there and is what the list says."""
        found, wanted = self.facts(site), self.wanted(site)
        for fact, question in LIST.items():
            assert found.get(fact) == wanted[fact], question

    def facts(self, site: dict[str, Any]) -> dict[str, Any]:
        """What the services say of everything on the list; None where there is nothing."""
        names, found = Names(site), {}
        for part in (_key, _bucket, _table, _group, _alarm, _role, _database):
            try:
                found |= part(self, names)
            except ClientError:
                found[part.__name__.strip("_")] = None
        return found

    def wanted(self, site: dict[str, Any]) -> dict[str, Any]:
        """The same as the list has it."""
        names, given = Names(site), site["parameters"]
        key = self.key_of(names)
        marks = {f"{one} tags": names.tags for one in (
            "key", "bucket", "table", "log group", "alarm", "role"
        )}  # fmt: skip
        return marks | {
            "key state": "Enabled",
            "key rotation": True,
            "bucket versions": "Enabled",
            "bucket encryption": ("aws:kms", key, True),
            "bucket public": [True] * 4,
            "table keys": [("parcel", "HASH"), ("scanned", "RANGE")],
            "table billing": "PAY_PER_REQUEST",
            "table recovery": "ENABLED",
            "log retention": given["RetentionDays"],
            "alarm metric": (
                "Larkmoor", "LateParcels", "Sum", 300, 1, float(given["LateLimit"]),
                "GreaterThanThreshold",
            ),
            "alarm dimensions": {
                "Depot": given["Depot"], "Environment": given["Environment"],
            },
            "alarm silence": "breaching",
            "alarm actions": True,
            "role trust": ["lambda.amazonaws.com"],
            "role policy": ["scan"],
            "database location": f"s3://{names.bucket}/lake/",
        }  # fmt: skip

    def key_of(self, names: Names) -> str:
        """The ARN behind a site's alias; empty when there is none."""
        try:
            return str(self.kms.describe_key(KeyId=names.alias)["KeyMetadata"]["Arn"])
        except ClientError:
            return ""

    # --- data --------------------------------------------------------------------------------

    def leave_behind(self, site: dict[str, Any], group: bool = True) -> None:
        """What somebody once made by hand, with data in it, and nobody deleted."""
        names, rng = Names(site), self.plan.rng
        self.cloud.bucket(names.bucket)
        self.s3.put_bucket_versioning(
            Bucket=names.bucket, VersioningConfiguration={"Status": "Enabled"}
        )
        self.s3.put_public_access_block(
            Bucket=names.bucket, PublicAccessBlockConfiguration=self.plan.one_of(BLOCKS)
        )
        for number in range(40):
            self.s3.put_object(
                Bucket=names.bucket, Key=f"2026/{number:03}.csv", Body=rng.bytes(64)
            )
        if group:
            self.logs.create_log_group(logGroupName=names.group)
            self.logs.put_retention_policy(
                logGroupName=names.group, retentionInDays=self.plan.one_of([365, 545, 731])
            )
            self.logs.create_log_stream(logGroupName=names.group, logStreamName="gate-1")
            event = {"timestamp": int(self.cloud.now() * 1000), "message": "parcel seen"}
            self.logs.put_log_events(
                logGroupName=names.group, logStreamName="gate-1", logEvents=[event]
            )

    def fill(self, site: dict[str, Any]) -> None:
        """Put data into an environment, as its day does."""
        names = Names(site)
        for number in range(3):
            item = {"parcel": {"S": f"P{number}"}, "scanned": {"S": "2026-11-20"}}
            self.dynamodb.put_item(TableName=names.table, Item=item)
            self.s3.put_object(Bucket=names.bucket, Key=f"day/{number}", Body=b"scanned")

    def data(self, site: dict[str, Any]) -> dict[str, Any]:
        """Every byte that an environment holds."""
        names = Names(site)
        buckets, tables = self.cloud.state("s3"), self.cloud.state("dynamodb")
        groups = self.cloud.state("logs")
        return {
            "objects": buckets.get(names.bucket, {}).get("objects"),
            "items": tables.get(names.table, {}).get("items"),
            "lines": groups.get(names.group, {}).get("streams"),
        }

    def relics(self, site: dict[str, Any]) -> Any:
        """What lay there before anybody built anything; an empty log is none."""
        found = self.data(site)
        return found["objects"], found["lines"] or None

    def settings(self, site: dict[str, Any]) -> dict[str, Any]:
        """What was set on it: old versions, switches against the public, days of retention."""
        facts = _bucket(self, Names(site)) | _group(self, Names(site))
        kept = ("bucket versions", "bucket public", "log retention")
        return {one: facts[one] for one in kept if facts.get(one) is not None}

    def is_set_as(self, site: dict[str, Any], before: dict[str, Any]) -> None:
        """What was set on what was left is as it was."""
        now = self.settings(site)
        for what, value in before.items():
            assert now.get(what) == value, (
                f"stopped half-way, the program has left {what} set otherwise. "
                "To what does a rollback go back?"
            )

    def key_opens(self, key: str) -> bool:
        """Is a key still there to decrypt with?"""
        return bool(self.kms.describe_key(KeyId=key)["KeyMetadata"]["KeyState"] == "Enabled")

    def there(self, site: dict[str, Any]) -> set[str]:
        """Which things of the list there are."""
        names = Names(site)
        alarms = self.cloud.state("monitoring")["alarms"]
        bases = {one["Name"] for one in self.glue.get_databases()["DatabaseList"]}
        found = {
            "key": bool(self.key_of(names)),
            "bucket": names.bucket in self.cloud.state("s3"),
            "table": names.table in self.cloud.state("dynamodb"),
            "log group": names.group in self.cloud.state("logs"),
            "alarm": names.alarm in alarms,
            "role": names.role in self.cloud.state("iam")["roles"],
            "database": names.database in bases,
        }
        return {name for name, is_there in found.items() if is_there}

    def enabled_keys(self) -> int:
        """How many keys there are that can be used."""
        return sum(one["state"] == "Enabled" for one in self.cloud.state("kms").values())

    # --- the scanner -------------------------------------------------------------------------

    def scanner(self, site: dict[str, Any]) -> Any:
        """Credentials of an environment's scanner."""
        role = Names(site).role
        assert role in self.cloud.state("iam")["roles"], "there is no role of the scanner's"
        return self.cloud.session(role)

    def day(self, site: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
        """What the scanner does in its own environment."""
        names = Names(site)
        item = {"parcel": {"S": "P1"}, "scanned": {"S": "2026-11-21"}}
        return [
            ("dynamodb", "put_item", {"TableName": names.table, "Item": item}),
            ("dynamodb", "get_item", {"TableName": names.table, "Key": item}),
            ("s3", "put_object", {"Bucket": names.bucket, "Key": "lake/1", "Body": b"x"}),
            ("logs", "create_log_stream", {"logGroupName": names.group, "logStreamName": "s"}),
            ("logs", "put_log_events", {
                "logGroupName": names.group, "logStreamName": "s",
                "logEvents": [{"timestamp": int(self.cloud.now() * 1000), "message": "m"}],
            }),
        ]  # fmt: skip

    def beside(self, site: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
        """What lies next to it, in its own environment."""
        names, place = Names(site), {"Bucket": Names(site).bucket, "Key": "lake/1"}
        key = {"parcel": {"S": "P1"}, "scanned": {"S": "2026-11-21"}}
        return [
            ("dynamodb", "delete_item", {"TableName": names.table, "Key": key}),
            ("dynamodb", "scan", {"TableName": names.table}),
            ("dynamodb", "delete_table", {"TableName": names.table}),
            ("s3", "get_object", place),
            ("s3", "delete_object", place),
            ("s3", "list_objects_v2", {"Bucket": names.bucket}),
            ("s3", "put_bucket_versioning", {
                "Bucket": names.bucket, "VersioningConfiguration": {"Status": "Suspended"},
            }),
            ("s3", "put_object_acl", place | {"ACL": "private"}),
            ("logs", "delete_log_group", {"logGroupName": names.group}),
            ("logs", "put_retention_policy", {"logGroupName": names.group, "retentionInDays": 1}),
            ("logs", "describe_log_streams", {"logGroupName": names.group}),
            ("kms", "disable_key", {"KeyId": self.key_of(names).rpartition("/")[2]}),
            ("iam", "delete_role_policy", {"RoleName": names.role, "PolicyName": "scan"}),
        ]  # fmt: skip

    def abroad(self, site: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
        """Its own work in another environment; ledger and key also each without the other."""
        names, place = Names(site), {"Bucket": Names(site).bucket, "Key": "lake/2"}
        return [
            *self.day(site),
            ("s3", "put_object", place | {"Body": b"x", "ServerSideEncryption": "AES256"}),
            ("kms", "generate_data_key", {
                "KeyId": self.key_of(names).rpartition("/")[2], "KeySpec": "AES_256",
            }),
        ]  # fmt: skip

    def _client_of(self, who: Any, service: str) -> Any:
        """Somebody's client of a service, made once."""
        name = f"{who.key_id}/{service}"
        if name not in self._clients:
            self._clients[name] = self.cloud.client(service, who)
        return self._clients[name]

    def attempt(self, who: Any, call: tuple[str, str, dict[str, Any]]) -> str:
        """Make one call as somebody: empty when it passes, otherwise the error's code."""
        service, operation, params = call
        try:
            getattr(self._client_of(who, service), operation)(**params)
        except ClientError as error:
            return str(error.response["Error"]["Code"])
        return ""

    def refuse(self, who: Any, calls: list[tuple[str, str, dict[str, Any]]], told: str) -> None:
        """Each of these calls fails for the lack of a right."""
        for call in calls:
            assert self.attempt(who, call) in DENIED, f"{told}, at {call[0]}"

    # --- who meddles -------------------------------------------------------------------------

    def meddle(self, site: dict[str, Any], *deeds: str) -> None:
        """Do some things behind the back of whoever built this."""
        for deed in deeds:
            DEEDS[deed][1](self, Names(site))

    def drifted(self, site: dict[str, Any], *deeds: str) -> dict[str, str]:
        """What a report must say of these deeds, in the learner's own names."""
        wanted = {DEEDS[deed][0]: DEEDS[deed][2] for deed in deeds}
        return {n: wanted[t] for n, (t, _) in self.held(site).items() if t in wanted}

    def terraform_types(self, deeds: tuple[str, ...]) -> list[str]:
        """The types of what a plan must want to change after these deeds."""
        return [kind for deed in deeds for kind in DEEDS[deed][3]]

    def live_a_day(self, site: dict[str, Any]) -> None:
        """What changes in an environment without anybody having changed it."""
        self.fill(site)
        self.cloudwatch.set_alarm_state(
            AlarmName=Names(site).alarm, StateValue="ALARM", StateReason="a late day"
        )

    # --- changes that somebody proposes ------------------------------------------------------

    def proposed(self, site: dict[str, Any], name: str) -> Any:
        """A change set that somebody proposes, as describe-change-set writes it."""
        if name == "elsewhere":  # one word in the parameters, and everything has another name
            return self._made(site | {"parameters": site["parameters"] | {
                "Environment": "prod",
            }}, name, self.template())
        if name == "maybe":
            return self._unsure(self.described(site, "elsewhere"))
        parsed = json.loads(json.dumps(templates.parse(self.template())))
        PROPOSALS[name](parsed["Resources"])
        return self._made(site, name, json.dumps(parsed))

    def _made(self, site: dict[str, Any], name: str, text: str) -> Any:
        title = name.replace(" ", "-")
        self.formation.create_change_set(**self._wanted(site, text), ChangeSetName=title)
        return self.described(site, name)

    def _unsure(self, made: Any) -> Any:
        """The same change set, of which CloudFormation is not sure."""
        for one in made["Changes"]:
            if one["ResourceChange"].get("Replacement") == "True":
                one["ResourceChange"]["Replacement"] = "Conditional"
        return made

    def described(self, site: dict[str, Any], name: str) -> Any:
        """A change set as data."""
        found = self.formation.describe_change_set(
            StackName=site["stack"], ChangeSetName=name.replace(" ", "-")
        )
        found.pop("ResponseMetadata", None)
        return json.loads(json.dumps(found, default=str))

    def execute(self, site: dict[str, Any], name: str) -> str:
        """Execute a change set, whatever a guard says; the stack's status."""
        title = name.replace(" ", "-")
        self.formation.execute_change_set(StackName=site["stack"], ChangeSetName=title)
        return self.status(site)

    def lost(self, change_set: dict[str, Any]) -> list[str]:
        """What a change set would put out of reach."""
        parts = [one["ResourceChange"] for one in change_set["Changes"]]
        return sorted(
            one["LogicalResourceId"] for one in parts if one["ResourceType"] in DATA
            and (one["Action"] == "Remove" or one.get("Replacement") in ("True", "Conditional"))
        )


def of_type(resources: dict[str, Any], kind: str) -> str:
    """The name of the one resource of a type in a parsed template."""
    found = [name for name, one in resources.items() if one["Type"] == kind]
    assert found, "the template lacks something on the list"
    return found[0]


def _shorter_log(resources: dict[str, Any]) -> None:
    name = of_type(resources, "AWS::Logs::LogGroup")
    resources[name]["Properties"]["RetentionInDays"] = 7


def _renamed_alarm(resources: dict[str, Any]) -> None:
    name = of_type(resources, "AWS::CloudWatch::Alarm")
    resources[name]["Properties"]["AlarmName"] = "later"


def _renamed_table(resources: dict[str, Any]) -> None:
    name = of_type(resources, "AWS::DynamoDB::Table")
    resources[name]["Properties"]["TableName"] = "parcels-2"


def _no_table(resources: dict[str, Any]) -> None:
    """Take the table out, and in its place put what others in the template can refer to."""
    name = of_type(resources, "AWS::DynamoDB::Table")
    resources["Parcels2"] = resources.pop(name)
    resources["Parcels2"]["Properties"]["TableName"] = "parcels-3"
    text = json.dumps(resources).replace(f'["{name}", ', '["Parcels2", ')
    text = text.replace(f'"Ref": "{name}"', '"Ref": "Parcels2"').replace(f"${{{name}", "${Parcels2")
    resources.clear()
    resources |= json.loads(text)


def _both_renamed(resources: dict[str, Any]) -> None:
    """Another name for table and ledger."""
    _renamed_table(resources)
    ledger = resources[of_type(resources, "AWS::S3::Bucket")]["Properties"]
    ledger["BucketName"] = "larkmoor-ledger-2"


PROPOSALS: dict[str, Callable[[dict[str, Any]], None]] = {
    "shorter log": _shorter_log, "renamed alarm": _renamed_alarm,
    "renamed table": _renamed_table, "no table": _no_table, "both renamed": _both_renamed,
}  # fmt: skip


# --- what the services say ---------------------------------------------------------------------


def _marks(found: Any, key: str = "Key", value: str = "Value") -> dict[str, str]:
    pairs = found.items() if isinstance(found, dict) else ((t[key], t[value]) for t in found)
    return {k: v for k, v in pairs if not k.startswith("aws:")}


def _key(estate: Estate, names: Names) -> dict[str, Any]:
    key = estate.kms.describe_key(KeyId=names.alias)["KeyMetadata"]
    told = {"KeyId": key["KeyId"]}
    return {
        "key state": key["KeyState"],
        "key rotation": estate.kms.get_key_rotation_status(**told)["KeyRotationEnabled"],
        "key tags": _marks(estate.kms.list_resource_tags(**told)["Tags"], "TagKey", "TagValue"),
    }


def _bucket(estate: Estate, names: Names) -> dict[str, Any]:
    s3, place = estate.s3, {"Bucket": names.bucket}
    found: dict[str, Any] = {"bucket versions": s3.get_bucket_versioning(**place).get("Status")}
    for fact, ask in (
        ("bucket public", lambda: list(
            s3.get_public_access_block(**place)["PublicAccessBlockConfiguration"].values()
        )),
        ("bucket encryption", lambda: _encryption(s3.get_bucket_encryption(**place))),
        ("bucket tags", lambda: _marks(s3.get_bucket_tagging(**place)["TagSet"])),
    ):  # fmt: skip
        try:
            found[fact] = ask()
        except ClientError:
            found[fact] = None
    return found


def _encryption(told: Any) -> tuple[Any, ...]:
    rule = told["ServerSideEncryptionConfiguration"]["Rules"][0]
    default = rule["ApplyServerSideEncryptionByDefault"]
    return (
        default["SSEAlgorithm"], default.get("KMSMasterKeyID"), rule.get("BucketKeyEnabled")
    )  # fmt: skip


def _table(estate: Estate, names: Names) -> dict[str, Any]:
    db, place = estate.dynamodb, {"TableName": names.table}
    found = db.describe_table(**place)["Table"]
    backups = db.describe_continuous_backups(**place)["ContinuousBackupsDescription"]
    recovery = backups["PointInTimeRecoveryDescription"]["PointInTimeRecoveryStatus"]
    marks = db.list_tags_of_resource(ResourceArn=found["TableArn"])["Tags"]
    return {
        "table keys": [(one["AttributeName"], one["KeyType"]) for one in found["KeySchema"]],
        "table billing": (found.get("BillingModeSummary") or {}).get("BillingMode"),
        "table recovery": recovery,
        "table tags": _marks(marks),
    }


def _group(estate: Estate, names: Names) -> dict[str, Any]:
    found = estate.cloud.state("logs").get(names.group)
    if found is None:
        return {}
    return {"log retention": found["retention"], "log group tags": _marks(found["tags"])}


def _alarm(estate: Estate, names: Names) -> dict[str, Any]:
    alarms = estate.cloudwatch.describe_alarms(AlarmNames=[names.alarm])["MetricAlarms"]
    if not alarms:
        return {}
    one = alarms[0]
    marks = estate.cloudwatch.list_tags_for_resource(ResourceARN=one["AlarmArn"])["Tags"]
    return {
        "alarm metric": tuple(one.get(key) for key in (
            "Namespace", "MetricName", "Statistic", "Period", "EvaluationPeriods", "Threshold",
            "ComparisonOperator",
        )),
        "alarm dimensions": {d["Name"]: d["Value"] for d in one["Dimensions"]},
        "alarm silence": one.get("TreatMissingData"),
        "alarm actions": one["ActionsEnabled"],
        "alarm tags": _marks(marks),
    }  # fmt: skip


def _role(estate: Estate, names: Names) -> dict[str, Any]:
    found = estate.iam.get_role(RoleName=names.role)["Role"]
    trusted = []
    for one in found["AssumeRolePolicyDocument"]["Statement"]:
        if one["Effect"] != "Allow":
            continue
        who = one["Principal"].get("Service", []) if isinstance(one["Principal"], dict) else "*"
        trusted += [who] if isinstance(who, str) else who
    return {
        "role trust": trusted,
        "role policy": estate.iam.list_role_policies(RoleName=names.role)["PolicyNames"],
        "role tags": _marks(found.get("Tags", [])),
    }


def _database(estate: Estate, names: Names) -> dict[str, Any]:
    found = estate.glue.get_database(Name=names.database)["Database"]
    return {"database location": found.get("LocationUri")}


# --- what people do behind the back of a file ------------------------------------------------


def _mute(estate: Estate, names: Names) -> None:
    estate.cloudwatch.disable_alarm_actions(AlarmNames=[names.alarm])


def _shorten(estate: Estate, names: Names) -> None:
    estate.logs.put_retention_policy(logGroupName=names.group, retentionInDays=3)


def _forget_recovery(estate: Estate, names: Names) -> None:
    estate.dynamodb.update_continuous_backups(
        TableName=names.table,
        PointInTimeRecoverySpecification={"PointInTimeRecoveryEnabled": False},
    )


def _open_for_five_minutes(estate: Estate, names: Names) -> None:
    estate.s3.delete_public_access_block(Bucket=names.bucket)


def _stop_versions(estate: Estate, names: Names) -> None:
    off = {"Status": "Suspended"}
    estate.s3.put_bucket_versioning(Bucket=names.bucket, VersioningConfiguration=off)


def _stop_rotation(estate: Estate, names: Names) -> None:
    estate.kms.disable_key_rotation(KeyId=estate.key_of(names).rpartition("/")[2])


def _widen(estate: Estate, names: Names) -> None:
    wide = json.dumps(allow(["s3:*"]))
    estate.iam.put_role_policy(RoleName=names.role, PolicyName="scan", PolicyDocument=wide)


def _take_rights(estate: Estate, names: Names) -> None:
    estate.iam.delete_role_policy(RoleName=names.role, PolicyName="scan")


def _delete_group(estate: Estate, names: Names) -> None:
    estate.logs.delete_log_group(logGroupName=names.group)


def _delete_database(estate: Estate, names: Names) -> None:
    estate.glue.delete_database(Name=names.database)


_BUCKETS = {
    "open": "aws_s3_bucket_public_access_block", "versions": "aws_s3_bucket_versioning",
}  # fmt: skip
# deed -> CloudFormation's type, what is done, its status there, Terraform's types
DEEDS: dict[str, tuple[str, Callable[[Estate, Names], None], str, set[str]]] = {
    "mute": ("AWS::CloudWatch::Alarm", _mute, "MODIFIED", {"aws_cloudwatch_metric_alarm"}),
    "shorten": ("AWS::Logs::LogGroup", _shorten, "MODIFIED", {"aws_cloudwatch_log_group"}),
    "recovery": ("AWS::DynamoDB::Table", _forget_recovery, "MODIFIED", {"aws_dynamodb_table"}),
    "open": ("AWS::S3::Bucket", _open_for_five_minutes, "MODIFIED", {_BUCKETS["open"]}),
    "versions": ("AWS::S3::Bucket", _stop_versions, "MODIFIED", {_BUCKETS["versions"]}),
    "rotation": ("AWS::KMS::Key", _stop_rotation, "MODIFIED", {"aws_kms_key"}),
    "widen": ("AWS::IAM::Role", _widen, "MODIFIED", {"aws_iam_role_policy"}),
    "rights": ("AWS::IAM::Role", _take_rights, "MODIFIED", {"aws_iam_role_policy"}),
    "no group": ("AWS::Logs::LogGroup", _delete_group, "DELETED", {"aws_cloudwatch_log_group"}),
    "no database": (
        "AWS::Glue::Database", _delete_database, "DELETED", {"aws_glue_catalog_database"},
    ),
}  # fmt: skip


@fixture
def cloud(work: Any, plan: Plan) -> Iterator[Any]:
    """A private cloud on the sandbox's own loopback."""
    with private_cloud(work.listen(4566), region=plan.region) as one:
        yield one


@fixture
def estate(work: Any, cloud: Any, plan: Plan, graded: bool) -> Estate:
    """The account of this seed, with nothing in it."""
    return Estate(work, cloud, plan, graded)


# --- plans of Terraform's --------------------------------------------------------------------

_KINDS = ("aws_s3_bucket", "aws_dynamodb_table", "aws_kms_key")
_LESSER = (
    "aws_s3_bucket_versioning", "aws_cloudwatch_log_group", "aws_iam_role_policy", "aws_kms_alias",
    "aws_dynamodb_table_item", "aws_cloudwatch_metric_alarm", "aws_glue_catalog_database",
)  # fmt: skip
_HARMLESS = (["no-op"], ["update"], ["create"])
_HARMFUL = (["delete"], ["delete", "create"], ["create", "delete"], ["forget"])


class Plans:
    """Plans as `terraform show -json` writes them, and what they would cost."""

    def __init__(self, plan: Plan) -> None:
        self.rng, self.plan = plan.rng, plan

    def of(self, *changes: dict[str, Any], **more: Any) -> dict[str, Any]:
        """A whole plan."""
        order = [changes[int(n)] for n in self.rng.permutation(len(changes))]
        return {
            "format_version": "1.2", "terraform_version": "1.11.4", "complete": True,
            "errored": False, "applyable": True, "resource_changes": order,
        } | more  # fmt: skip

    def change(self, kind: str, actions: list[str], mode: str = "managed", **more: Any) -> Any:
        """One change of a thing with a name that has not been there yet."""
        name = "".join(self.plan.one_of("bcdfghklmnprst") for _ in range(6))
        local = f"{'data.' if mode == 'data' else ''}{kind}.{name}"
        address = self.plan.one_of([local, f"module.depot.{local}", f'{local}["staging"]'])
        return {
            "address": address, "mode": mode, "type": kind, "name": name,
            "provider_name": "registry.terraform.io/hashicorp/aws",
            "change": {"actions": actions, "before": {}, "after": {}, **more},
        }  # fmt: skip

    def calm(self) -> dict[str, Any]:
        """Nothing that holds data is lost: lesser things are, and data is changed in place."""
        found = [self.change(kind, actions) for kind in _KINDS for actions in _HARMLESS]
        found += [self.change(kind, actions) for kind in _LESSER for actions in _HARMFUL]
        found += [self.change("aws_s3_bucket", ["no-op"], importing={"id": "by-hand"})]
        found += [self.change(kind, ["delete"], mode="data") for kind in _KINDS]
        return self.of(*found)

    def loses(self, actions: list[str]) -> tuple[dict[str, Any], list[str]]:
        """A plan that loses one thing of each kind, amid others; and their addresses."""
        gone = [self.change(kind, actions) for kind in _KINDS]
        if actions == ["delete"]:  # the old one, left by a replacement that broke off
            gone[0]["deposed"] = "5f2b1c9e"
        calm = self.calm()["resource_changes"]
        return self.of(*gone, *calm), sorted(one["address"] for one in gone)


@fixture
def plans(plan: Plan) -> Plans:
    """Plans of this seed."""
    return Plans(plan)


# --- Terraform itself ------------------------------------------------------------------------

_CALM = {
    "CHECKPOINT_DISABLE": "1", "TF_IN_AUTOMATION": "1", "TF_INPUT": "0",
    "TF_CLI_CONFIG_FILE": "judge.tfrc",
}  # fmt: skip


@fixture
def tools() -> Any:
    """Terraform and a folder with its provider, where this machine has them."""
    missing = NotHere("not run: Terraform or its provider is not where the brief says")
    try:
        found = tool.find({})
    except tool.MissingTools:
        raise missing from None
    if not list(Path(found.mirror, tool.PROVIDER).glob("*/*/terraform-provider-aws*")):
        raise missing  # packed, every init would unpack 700 MB into the sandbox
    return found


class Terraform:
    """The learner's configuration in their sandbox, with states by name."""

    def __init__(self, tools: Any, estate: Estate) -> None:
        self.tools, self.estate, self.work = tools, estate, estate.work
        place = json.dumps(tools.mirror)
        self.work.write("judge.tfrc", (
            f"provider_installation {{\n  filesystem_mirror {{\n    path = {place}\n  }}\n}}\n"
            "disable_checkpoint = true\n"
        ).encode())  # fmt: skip
        self.last = b""

    def run(self, *words: str) -> int:
        """Run one command; its exit status."""
        env = {**self.estate.cloud.env(self.estate.deployer), **_CALM}
        program = self.work.run(self.tools.binary, *words, env=env)
        ended = int(program.wait())
        self.last = program.output()
        return ended

    def init(self) -> None:
        """Prepare the folder."""
        assert self.run("init", "-no-color") == 0, f"terraform init failed{self.said()}"

    def apply(self, site: dict[str, Any], **given: bool) -> None:
        """Apply to an environment."""
        ended = self.on(site, "apply", "-auto-approve", **given)
        assert ended == 0, f"terraform apply failed{self.said()}"

    def on(self, site: dict[str, Any], command: str, *words: str, **given: bool) -> int:
        """Run a command on an environment, whose state is its own."""
        name = site["stack"]
        values = variables(site, **{"keep": True, "adopt": False, **given})
        self.work.write(f"{name}.tfvars.json", json.dumps(values).encode())
        return self.run(
            command, "-no-color", f"-var-file={name}.tfvars.json", f"-state={name}.tfstate",
            "-lock=false", *words,
        )  # fmt: skip

    def changes(self) -> dict[str, str]:
        """What the plan that was saved would change: type by address."""
        self.run("show", "-json", "saved.plan")
        text = self.last[self.last.index(b"{"):]
        planned = json.loads(text)
        kinds = {one["address"]: one["type"] for one in planned["resource_changes"]}
        return {address: kinds[address] for address in tool.changes(planned)}

    def said(self) -> str:
        """On the desk, what Terraform said first when it failed."""
        rows = [row.strip("│ ") for row in self.last.decode(errors="replace").splitlines()]
        first = next((row for row in rows if row.startswith("Error")), "")
        return "" if self.estate.graded or not first else f": {first[:200]}"


@fixture
def terraform(tools: Any, estate: Estate) -> Terraform:
    """Terraform in the account of this seed."""
    return Terraform(tools, estate)
