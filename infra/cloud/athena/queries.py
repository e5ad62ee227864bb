"""Starting, stopping and describing queries.

Limit: no reuse of earlier results.
"""

from __future__ import annotations

import importlib.util
import uuid
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from infra.cloud import behalf, state
from infra.cloud.athena import groups, kinds, results, saved
from infra.cloud.athena.executions import Execution
from infra.cloud.athena.groups import ENGINE, PRIMARY, Group, Store, invalid
from infra.cloud.calls import Call
from infra.cloud.errors import Answer, AwsError
from infra.cloud.inside import Inside, Later
from infra.cloud.usage import Usage

if TYPE_CHECKING:
    from infra.cloud.athena.launch import Answer as Reply
    from infra.cloud.athena.launch import Box

MB = 1_000_000
LEAST_CHARGED = 10 * MB
LONGEST_QUERY = 262_144
MISSING = (
    "This needs DuckDB and sqlglot: type .venv/bin/pip install -c constraints.txt duckdb sqlglot"
)
HOMES: dict[str, str] = {}  # the workgroup of a query by its id, for what IAM asks before the store


def start(call: Call, inside: Inside, store: Store) -> dict[str, Any]:
    """Queue a query and return its id."""
    text = str(call.params.get("QueryString", ""))
    if not text.strip() or len(text) > LONGEST_QUERY:
        raise invalid(f"QueryString must have 1 to {LONGEST_QUERY} characters")
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    if group.state != "ENABLED":
        raise invalid(f"WorkGroup {group.name} is disabled.")
    one = _execution(call, store, group, text)
    again = _again(store, one)
    if again is not None:
        return {"QueryExecutionId": again}
    store.executions.add(one)
    HOMES[one.id] = group.name
    _begin(call, inside, store, group, one)
    return {"QueryExecutionId": one.id}


def check_packages() -> None:
    """AwsError: what runs queries is not installed. Its message says what to type."""
    if not all(importlib.util.find_spec(name) for name in ("duckdb", "sqlglot")):
        raise AwsError("InvalidRequestException", MISSING)


def _execution(call: Call, store: Store, group: Group, text: str) -> Execution:
    check_packages()
    context = call.params.get("QueryExecutionContext") or {}
    catalog = str(context.get("Catalog") or "AwsDataCatalog")
    if catalog.lower() != "awsdatacatalog":
        raise invalid(f"Catalog {catalog} is not found: this Athena has AwsDataCatalog only")
    kind, substatement = kinds.group_of(text)
    return Execution(
        str(uuid.uuid4()), text, group.name, str(context.get("Database") or "default"),
        _output(call, group), kind, substatement, call.time,
        [str(p) for p in call.params.get("ExecutionParameters") or []],
        str(call.params.get("ClientRequestToken") or ""), call.principal.arn,
    )


def _output(call: Call, group: Group) -> str:
    given = (call.params.get("ResultConfiguration") or {}).get("OutputLocation")
    wanted = group.output if group.output and (group.enforce or not given) else given
    if not wanted:
        raise invalid(
            "No output location provided. An output location is required either through the "
            "Workgroup result configuration setting or as an API input."
        )
    found = groups.location(str(wanted))
    bucket = found.removeprefix("s3://").partition("/")[0]
    if state.bucket(bucket) is None:
        raise invalid(f"Unable to verify/create output bucket {bucket}")
    return found


def _again(store: Store, one: Execution) -> str | None:
    """Return the query that this token has started before. AwsError: it was another one."""
    for old in store.executions.known.values():
        if one.token and old.token == one.token and old.caller == one.caller:
            if (old.query, old.workgroup, old.output) != (one.query, one.workgroup, one.output):
                raise invalid("Idempotent parameters do not match")
            return old.id
    return None


def _begin(call: Call, inside: Inside, store: Store, group: Group, one: Execution) -> None:
    job = {
        "id": one.id, "query": one.query, "database": one.database, "cutoff": group.cutoff,
        "parameters": one.parameters, "tables": f"{one.output}tables/{one.id}/",
    }
    caller, region = call.caller, call.region

    def client(service: str) -> Any:
        return behalf.client(inside, caller, service)

    def statements_of(what: str, name: str, text: str) -> Any:
        return _prepared(store, one, inside, what, name, text)

    def answer(box: Box) -> Reply:
        from infra.cloud.athena.rights import Rights

        return Rights(client, box, statements_of).answer

    def settle(one: Execution, box: Box, outcome: dict[str, Any]) -> None:
        _settle(one, box, outcome, client, group)
        _charge(inside, one, group, region)

    store.executions.start(one, job, answer, settle, inside.clock.now)


def _prepared(
    store: Store, one: Execution, inside: Inside, what: str, name: str, text: str
) -> Any:
    """Answer PREPARE, EXECUTE and DEALLOCATE of a query."""
    place = (one.workgroup, name.lower())
    if what == "prepare":
        saved.keep(store, *place, text, inside.clock.now())
        return None
    if place not in store.prepared:
        raise LookupError(f"PreparedStatement {name} was not found in workGroup {one.workgroup}")
    if what == "deallocate":
        del store.prepared[place]
        return None
    return store.prepared[place]["QueryStatement"]


def _settle(
    one: Execution, box: Box, outcome: dict[str, Any], client: Callable[[str], Any], group: Group
) -> None:
    """Write the result file and end the query."""
    from botocore.exceptions import ClientError

    if "failed" in outcome:
        over = outcome["failed"] == "Bytes scanned limit was exceeded"
        one.kind, one.category = outcome.get("kind", ""), int(outcome.get("category", 2))
        one.reason = outcome["failed"]
        one.state = "CANCELLED" if over else "FAILED"
        return
    one.columns, one.rows = outcome["columns"], int(outcome["rows"])
    one.updated = int(outcome.get("updated", 0))
    if outcome["form"]:
        one.location = f"{one.output}{one.id}.{outcome['form']}"
        bucket, _, key = one.location.removeprefix("s3://").partition("/")
        try:
            client("s3").put_object(
                Bucket=bucket, Key=key, Body=box.written(outcome["file"]), **_encrypted(group)
            )
        except ClientError as error:
            one.state, one.category = "FAILED", 2
            one.reason = f"Access denied when writing output to url: {one.location}" if (
                error.response["Error"]["Code"] == "AccessDenied"
            ) else f"Cannot write output to url: {one.location}: {error}"
            return
    one.state = "SUCCEEDED"


def _encrypted(group: Group) -> dict[str, str]:
    kind = group.encryption.get("EncryptionOption", "")
    if kind == "SSE_S3":
        return {"ServerSideEncryption": "AES256"}
    if kind == "SSE_KMS":
        return {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": group.encryption["KmsKey"]}
    return {}


def _charge(inside: Inside, one: Execution, group: Group, region: str) -> None:
    """Tell the bill: megabytes rounded up, ten at least; failed queries and DDL cost nothing."""
    reads = one.group == "DML" or one.substatement == "CREATE_TABLE_AS_SELECT"
    if one.state == "FAILED" or not reads:
        return
    charged = max(LEAST_CHARGED, -(-one.scanned // MB) * MB)
    inside.usage.add(Usage(
        "athena", "scanned", charged, "byte", resource=groups.arn(region, group.name),
        tags=dict(group.tags), region=region,
    ))


# ---------------------------------------------------------------- looking


def find(call: Call, store: Store, wanted: str = "") -> Execution:
    """Return the execution that a call names. AwsError: there is none."""
    wanted = wanted or str(call.params.get("QueryExecutionId", ""))
    if wanted not in store.executions.known:
        raise invalid(f"QueryExecution {wanted} was not found")
    return store.executions.known[wanted]


def stop(call: Call, inside: Inside, store: Store) -> dict[str, Any]:
    """Cancel a query; one that has ended stays as it ended."""
    store.executions.cancel(find(call, store), inside.clock.now())
    return {}


def get(call: Call, inside: Inside, store: Store) -> dict[str, Any]:
    """Describe a query."""
    return {"QueryExecution": described(find(call, store))}


def batch(call: Call, inside: Inside, store: Store) -> dict[str, Any]:
    """Describe several queries, and name the ids that are none."""
    ids = call.params.get("QueryExecutionIds") or []
    known = store.executions.known
    return {
        "QueryExecutions": [described(known[i]) for i in ids if i in known],
        "UnprocessedQueryExecutionIds": [
            {"QueryExecutionId": i, "ErrorCode": "INVALID_INPUT",
             "ErrorMessage": f"QueryExecution {i} was not found"}
            for i in ids if i not in known
        ],
    }  # fmt: skip


def ids(call: Call, store: Store) -> list[str]:
    """Return the ids of a workgroup's queries, the latest first."""
    group = store.group(str(call.params.get("WorkGroup") or PRIMARY))
    found = [e.id for e in store.executions.known.values() if e.workgroup == group.name]
    return found[::-1]


def described(one: Execution) -> dict[str, Any]:
    """Return what the API says of a query."""
    status: dict[str, Any] = {"State": one.state, "SubmissionDateTime": one.submitted}
    if one.ended:
        status["CompletionDateTime"] = one.completed or one.started or one.submitted
    if one.reason:
        status["StateChangeReason"] = one.reason
    if one.state == "FAILED":
        status["AthenaError"] = {
            "ErrorCategory": one.category, "ErrorType": 1000 + one.category, "Retryable": False,
            "ErrorMessage": one.reason,
        }
    end = one.completed or one.started
    spent = max(0, round((end - one.started) * 1000)) if one.started else 0
    queued = max(0, round((one.started - one.submitted) * 1000)) if one.started else 0
    return {
        "QueryExecutionId": one.id, "Query": one.query, "StatementType": one.group,
        "SubstatementType": one.substatement, "WorkGroup": one.workgroup,
        "ResultConfiguration": {"OutputLocation": one.location or _expected(one)},
        "ResultReuseConfiguration": {"ResultReuseByAgeConfiguration": {"Enabled": False}},
        "QueryExecutionContext": {"Database": one.database, "Catalog": "awsdatacatalog"},
        "Status": status, "EngineVersion": ENGINE,
        "Statistics": {
            "EngineExecutionTimeInMillis": spent, "DataScannedInBytes": one.scanned,
            "TotalExecutionTimeInMillis": spent + queued, "QueryQueueTimeInMillis": queued,
            "ServiceProcessingTimeInMillis": 0,
            "ResultReuseInformation": {"ReusedPreviousResult": False},
        },
        **({"ExecutionParameters": one.parameters} if one.parameters else {}),
    }


def _expected(one: Execution) -> str:
    if one.substatement in {"INSERT", "CREATE_TABLE_AS_SELECT", "UNLOAD"}:
        return f"{one.output}{one.id}"
    return f"{one.output}{one.id}.{'csv' if one.group == 'DML' else 'txt'}"


def rows(call: Call, inside: Inside, store: Store) -> Answer | Later:
    """Return a page of a query's result."""
    return results.page_of(call, inside, find(call, store))


OPERATIONS: dict[str, Callable[[Call, Inside, Store], Any]] = {
    "StartQueryExecution": start, "StopQueryExecution": stop, "GetQueryExecution": get,
    "BatchGetQueryExecution": batch, "GetQueryResults": rows,
}  # fmt: skip
