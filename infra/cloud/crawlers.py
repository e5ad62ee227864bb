"""Crawlers that crawl: a process of their own reads S3 with the role's rights, fills the catalog.

The engine keeps their definitions; running, stopping and what came of it are ours.
Limit: S3 targets; schedules are kept and do not fire, custom classifiers are refused.
"""

from __future__ import annotations

import json
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from infra.cloud import state, verdicts
from infra.cloud.calls import Call, Need
from infra.cloud.dispatch import ACCOUNT, backend
from infra.cloud.errors import Answer, AwsError
from infra.cloud.iam import Principal
from infra.cloud.inside import Inside
from infra.cloud.island import Work, forward, plain

if TYPE_CHECKING:
    from infra.cloud.athena.launch import Worker

SERVICE = Principal("service", "glue.amazonaws.com", "")


@dataclass
class Crawl:
    """One run of a crawler. States: RUNNING, STOPPING, READY."""

    id: str
    started: float
    state: str = "RUNNING"
    status: str = ""
    message: str = ""
    ended: float = 0.0
    created: int = 0
    updated: int = 0
    worker: Worker | None = None


@dataclass
class Crawls:
    """The runs of every crawler of one cloud."""

    known: dict[str, list[Crawl]] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def last(self, name: str) -> Crawl | None:
        """Return the latest run."""
        return self.known[name][-1] if self.known.get(name) else None


def _store(inside: Inside) -> Crawls:
    found: Crawls = inside.store("crawlers", Crawls)
    return found


def role_arn(role: str) -> str:
    """Return the ARN that a role's name, path or ARN stands for."""
    return role if role.startswith("arn:") else f"arn:aws:iam::{ACCOUNT}:role/{role}"


def needs(call: Call) -> list[Need]:
    """Return what handing a role to a crawler needs on top."""
    role = call.params.get("Role")
    if call.operation not in {"CreateCrawler", "UpdateCrawler"} or not role:
        return []
    return [Need("iam:PassRole", role_arn(str(role)),
                 {"iam:passedtoservice": "glue.amazonaws.com"})]


def create(call: Call, inside: Inside) -> Answer:
    """Make a crawler whose role Glue can take and whose targets are in S3."""
    _check_role(call)
    targets = call.params.get("Targets") or {}
    others = [name for name, found in targets.items() if found and name != "S3Targets"]
    if others or not targets.get("S3Targets"):
        raise _invalid(f"The emulated Glue crawls S3Targets only: {', '.join(others) or 'none'}")
    if call.params.get("Classifiers"):
        raise _invalid("The emulated Glue has the built-in classifiers only.")
    return forward(call)


def _check_role(call: Call) -> None:
    found = state.role_by_arn(role_arn(str(call.params.get("Role", ""))))
    trust = state.document(found.assume_role_policy_document) if found else None
    need = Need("sts:AssumeRole", found.arn if found else "*", {}, trust, must_delegate=True)
    if found is None or not verdicts.decide(SERVICE, need, call.context()).allowed:
        raise _invalid(
            "Service is unable to assume provided role. Please verify role's TrustPolicy"
        )


def _invalid(message: str) -> AwsError:
    return AwsError("InvalidInputException", message)


def start(call: Call, inside: Inside) -> Answer:
    """Start a crawl in a thread."""
    from infra.cloud.athena.queries import check_packages

    check_packages()
    name, crawler = _named(call)
    crawls = _store(inside)
    last = crawls.last(name)
    if last is not None and last.state != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} has already started")
    run = Crawl(str(uuid.uuid4()), call.time)
    crawls.known.setdefault(name, []).append(run)
    threading.Thread(target=_crawl, args=(inside, crawls, crawler, run), daemon=True).start()
    return plain({})


def _named(call: Call) -> tuple[str, Any]:
    name = str(call.params.get("Name") or call.params.get("CrawlerName") or "")
    crawlers = backend("glue", call.region).crawlers
    if name not in crawlers:
        raise AwsError("EntityNotFoundException", f"Crawler {name} not found.")
    return name, crawlers[name]


def _crawl(inside: Inside, crawls: Crawls, crawler: Any, run: Crawl) -> None:
    from infra.cloud.athena.launch import Box, Ended, Worker
    from infra.cloud.athena.rights import Rights

    def client(service: str) -> Any:
        return inside.client(service, role_arn(crawler.role), "AWS-Crawler")

    def nothing(what: str, name: str, text: str) -> Any:
        raise LookupError("a crawler has no prepared statements")

    box = Box()
    try:
        with crawls.lock:
            if run.state == "STOPPING":
                return
            run.worker = Worker(box)
        outcome = run.worker.serve(_job(crawler), Rights(client, box, nothing).answer)["done"]
        run.created, run.updated = outcome.get("created", 0), outcome.get("updated", 0)
        run.status = "FAILED" if "failed" in outcome else "SUCCEEDED"
        run.message = outcome.get("failed", "")
    except Ended as ended:
        run.status, run.message = "FAILED", f"Internal Service Exception: {str(ended)[-300:]}"
    except Exception as error:  # a thread that dies must not leave a crawler running
        run.status, run.message = "FAILED", f"{type(error).__name__}: {error}"
    finally:
        _finish(inside, crawls, run)
        box.remove()


def _finish(inside: Inside, crawls: Crawls, run: Crawl) -> None:
    with crawls.lock:
        worker, run.worker = run.worker, None
        if run.state == "STOPPING":
            run.status, run.message = "CANCELLED", ""
        run.ended, run.state = inside.clock.now(), "READY"
    if worker is not None:
        worker.close()


def _job(crawler: Any) -> dict[str, Any]:
    policy = crawler.schema_change_policy or {}
    return {
        "crawl": True, "database": (crawler.database_name or "default").lower(),
        "prefix": (crawler.table_prefix or "").lower(),
        "targets": [t["Path"] for t in crawler.targets["S3Targets"]],
        "change": policy.get("UpdateBehavior", "UPDATE_IN_DATABASE") == "UPDATE_IN_DATABASE",
    }


def stop(call: Call, inside: Inside) -> Answer:
    """Stop a crawl."""
    name, _ = _named(call)
    crawls = _store(inside)
    run = crawls.last(name)
    if run is None or run.state == "READY":
        raise AwsError("CrawlerNotRunningException", f"Crawler with name {name} isn't running")
    if run.state == "STOPPING":
        raise AwsError("CrawlerStoppingException", f"Crawler with name {name} is stopping")
    with crawls.lock:
        run.state = "STOPPING"
        if run.worker is not None:
            run.worker.kill()
    return plain({})


def delete(call: Call, inside: Inside) -> Answer:
    """Delete a crawler that does not run."""
    name, _ = _named(call)
    run = _store(inside).last(name)
    if run is not None and run.state != "READY":
        raise AwsError("CrawlerRunningException", f"Crawler with name {name} is running")
    _store(inside).known.pop(name, None)
    return forward(call)


# ---------------------------------------------------------------- looking


def described(call: Call, inside: Inside) -> Answer:
    """Return the engine's description of crawlers with what their runs did."""
    answer = forward(call)
    if answer.status != 200:
        return answer
    data = json.loads(answer.body)
    for one in [data.get("Crawler"), *data.get("Crawlers", [])]:
        if one:
            _add(one, _store(inside).last(one["Name"]), inside.clock.now())
    return plain(data)


def _add(crawler: dict[str, Any], run: Crawl | None, now: float) -> None:
    crawler["State"] = run.state if run else "READY"
    if run is None:
        return
    crawler["CrawlElapsedTime"] = 0 if run.ended else round((now - run.started) * 1000)
    if run.status:
        crawler["LastCrawl"] = {
            "Status": run.status, "StartTime": run.started, "MessagePrefix": run.id,
            "LogGroup": "/aws-glue/crawlers", "LogStream": crawler["Name"],
            **({"ErrorMessage": run.message} if run.message else {}),
        }


def history(call: Call, inside: Inside) -> Answer:
    """Return a crawler's runs, the latest first."""
    name, _ = _named(call)
    states = {"SUCCEEDED": "COMPLETED", "CANCELLED": "STOPPED"}
    return plain({"Crawls": [
        {"CrawlId": r.id, "State": states.get(r.status, r.status) or "RUNNING",
         "StartTime": r.started, **({"EndTime": r.ended} if r.ended else {}),
         **({"ErrorMessage": r.message} if r.message else {})}
        for r in reversed(_store(inside).known.get(name, []))
    ]})  # fmt: skip


def metrics(call: Call, inside: Inside) -> Answer:
    """Return how many tables crawlers made and changed."""
    wanted = call.params.get("CrawlerNameList") or sorted(_store(inside).known)
    rows = []
    for name in wanted:
        runs = _store(inside).known.get(name, [])
        rows.append({
            "CrawlerName": name, "StillEstimating": False, "TimeLeftSeconds": 0.0,
            "TablesCreated": sum(r.created for r in runs),
            "TablesUpdated": sum(r.updated for r in runs), "TablesDeleted": 0,
        })
    return plain({"CrawlerMetricsList": rows})


OPERATIONS: dict[str, Work] = {
    "CreateCrawler": create, "StartCrawler": start, "StopCrawler": stop, "DeleteCrawler": delete,
    "GetCrawler": described, "GetCrawlers": described, "BatchGetCrawlers": described,
    "ListCrawls": history, "GetCrawlerMetrics": metrics,
}  # fmt: skip
