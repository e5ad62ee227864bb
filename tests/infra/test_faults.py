"""The seam with real clients: what is injected, what is retried, what was done all the same."""

from __future__ import annotations

import json
import threading
import time
from http.client import HTTPConnection
from typing import Any
from xml.etree import ElementTree

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, ConnectionClosedError, ResponseStreamingError

from infra.cloud import faults as seams
from infra.cloud.fixtures import Cloud, Identity, LoggedCall, allow, loopback
from infra.cloud.gate import Request
from infra.cloud.records import RecordError


@pytest.fixture
def who(cloud: Cloud) -> Identity:
    """A user who may use a bucket, keys and secrets."""
    cloud.bucket("larder")
    return cloud.identity("ada", [allow(["s3:*", "kms:*", "secretsmanager:*", "sts:*"])])


def client(seam: seams.Seam, who: Identity, service: str = "s3", tries: int = 4) -> Any:
    """Return a boto3 client that retries as a default one does, without its waiting."""
    return boto3.client(
        service, endpoint_url=seam.url, region_name="eu-central-1",
        aws_access_key_id=who.key_id, aws_secret_access_key=who.secret,
        aws_session_token=who.token or None,
        config=Config(retries={"mode": "standard", "total_max_attempts": tries},
                      s3={"addressing_style": "path"}),
    )


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("botocore.endpoint.time.sleep", lambda seconds: None)


def theirs(cloud: Cloud, who: Identity) -> list[LoggedCall]:
    return [call for call in cloud.log if call.principal == who.arn]


def bodies(cloud: Cloud, key: str) -> list[Any]:
    return list(cloud.state("s3")["larder"]["objects"].get(key, []))


# ---------------------------------------------------------------- what passes


def test_without_a_plan_everything_passes_and_stays_signed(cloud: Cloud, who: Identity) -> None:
    with seams.faults(cloud) as seam:
        s3 = client(seam, who)
        s3.put_object(Bucket="larder", Key="a b/ü", Body=b"x" * 300_000, Metadata={"who": "ada"})
        found = s3.get_object(Bucket="larder", Key="a b/ü")
        assert (found["Body"].read(), found["Metadata"]) == (b"x" * 300_000, {"who": "ada"})
        assert s3.head_object(Bucket="larder", Key="a b/ü")["ContentLength"] == 300_000
        link = s3.generate_presigned_url("get_object", {"Bucket": "larder", "Key": "a b/ü"})
        host = link.split("/")[2]
        connection = HTTPConnection(host, timeout=20)
        connection.request("GET", link.split(host)[1])
        assert connection.getresponse().read() == b"x" * 300_000
        connection.close()
        assert seam.log == []
        assert (seam.seen, seam.passed) == (4, 4)
    assert [call.status for call in theirs(cloud, who)] == [200] * 4


def test_a_request_costs_the_engine_one_call_and_the_seam_no_reading(
    cloud: Cloud, who: Identity, monkeypatch: pytest.MonkeyPatch
) -> None:
    named: list[Request] = []
    real = seams.asked.name
    monkeypatch.setattr(
        seams.asked, "name", lambda c, s, request: named.append(request) or real(c, s, request)
    )
    with seams.faults(cloud) as seam:
        s3 = client(seam, who)
        for number in range(20):
            s3.put_object(Bucket="larder", Key=str(number), Body=b"x")
        assert (seam.passed, len(theirs(cloud, who)), len(named)) == (20, 20, 0)
        seam.switch("[[rule]]\nfault = 'drop'\noperation = 'DeleteObject'")
        for number in range(20):
            s3.put_object(Bucket="larder", Key=str(number), Body=b"x")
        assert (seam.passed, len(theirs(cloud, who)), len(named)) == (40, 40, 20)


def test_a_server_that_closes_its_idle_connections_is_no_fault() -> None:
    """Azurite does so after five seconds; this one at once."""
    upstream, closed = loopback(), threading.Semaphore(0)

    def answer_and_close() -> None:
        for _ in range(5):
            connection, _ = upstream.accept()
            with connection:
                connection.recv(65536)
                connection.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi")
            closed.release()

    threading.Thread(target=answer_and_close, daemon=True).start()
    with upstream, seams.faults(upstream.getsockname(), cloud="gcp") as seam:
        connection = HTTPConnection(seam.url.removeprefix("http://"), timeout=20)
        for _ in range(5):
            connection.request("GET", "/storage/v1/b")
            assert connection.getresponse().read() == b"hi"
            assert closed.acquire(timeout=20)
        connection.close()
        assert (seam.seen, seam.passed) == (5, 5)


# ---------------------------------------------------------------- errors and throttling


def test_throttled_puts_are_retried_and_the_logs_agree(cloud: Cloud, who: Identity) -> None:
    plan = "[[rule]]\nname = 'busy'\nfault = 'throttle'\noperation = 'PutObject'\nevery = 2"
    with seams.faults(cloud, plan) as seam:
        s3 = client(seam, who)
        done = [s3.put_object(Bucket="larder", Key=str(n), Body=b"x") for n in range(6)]
        retries = [one["ResponseMetadata"]["RetryAttempts"] for one in done]
        # requests 2, 4, 6, ... of those counted are struck: every put but the first comes twice
        assert retries == [0, 1, 1, 1, 1, 1]
        assert [i.ordinal for i in seam.log] == [2, 4, 6, 8, 10]
        assert {(i.rule, i.operation, i.status, i.code) for i in seam.log} == {
            ("busy", "PutObject", 503, "SlowDown"),
        }
        assert [i.key for i in seam.log] == [f"larder/{n}" for n in range(1, 6)]
        assert seam.seen == 6 + sum(retries)
    reached = theirs(cloud, who)
    assert len(reached) == 6 == seam.seen - len(seam.log)
    assert all(call.status == 200 for call in reached)


@pytest.mark.parametrize(
    ("service", "call", "fault", "code", "status"),
    [
        ("s3", ("list_buckets", {}), "error", "InternalError", 500),
        ("s3", ("list_buckets", {}), "throttle", "SlowDown", 503),
        ("s3", ("list_buckets", {}), "expired", "ExpiredToken", 400),
        ("kms", ("list_keys", {}), "error", "KMSInternalException", 500),
        ("kms", ("list_keys", {}), "throttle", "ThrottlingException", 400),
        ("kms", ("list_keys", {}), "expired", "ExpiredTokenException", 403),
        ("secretsmanager", ("list_secrets", {}), "error", "InternalServiceError", 500),
        ("dynamodb", ("list_tables", {}), "error", "InternalServerError", 500),
        (
            "dynamodb", ("get_item", {"TableName": "t", "Key": {"k": {"S": "1"}}}), "throttle",
            "ProvisionedThroughputExceededException", 400,
        ),
        ("sqs", ("list_queues", {}), "throttle", "RequestThrottled", 400),
        ("lambda", ("list_functions", {}), "throttle", "TooManyRequestsException", 429),
        ("lambda", ("list_functions", {}), "error", "ServiceException", 500),
        ("sns", ("list_topics", {}), "throttle", "Throttled", 429),
        ("sts", ("get_caller_identity", {}), "throttle", "Throttling", 400),
        ("sts", ("get_caller_identity", {}), "expired", "ExpiredToken", 403),
        ("athena", ("list_work_groups", {}), "throttle", "TooManyRequestsException", 400),
        ("sagemaker", ("list_models", {}), "throttle", "ThrottlingException", 400),
    ],
)
def test_each_service_says_no_in_its_own_words(
    cloud: Cloud, who: Identity, service: str, call: tuple[str, Any], fault: str, code: str,
    status: int,
) -> None:
    with seams.faults(cloud, f"[[rule]]\nfault = '{fault}'\nservice = '{service}'") as seam:
        api = client(seam, who, service, tries=1)
        with pytest.raises(ClientError) as caught:
            getattr(api, call[0])(**call[1])
    said = caught.value.response
    assert said["Error"]["Code"] == code
    assert said["ResponseMetadata"]["HTTPStatusCode"] == status
    injected = seam.log[0]
    assert injected.operation == "".join(word.title() for word in call[0].split("_"))
    assert (injected.code, injected.status, injected.service) == (code, status, service)
    assert said["ResponseMetadata"]["RequestId"] == injected.request_id
    if fault in {"error", "throttle"}:
        known = getattr(api.exceptions, code, ClientError)
        assert isinstance(caught.value, known)
    assert theirs(cloud, who) == []  # the engine never saw it


@pytest.mark.parametrize(
    ("rule", "code", "status"),
    [
        ("code = 'ServiceUnavailable'", "ServiceUnavailable", 503),
        ("code = 'Odd'\nstatus = 502", "Odd", 502),
        ("status = 503", "InternalError", 503),
    ],
)
def test_a_rule_may_choose_its_code(
    cloud: Cloud, who: Identity, rule: str, code: str, status: int
) -> None:
    plan = f"[[rule]]\nfault = 'error'\n{rule}"
    with seams.faults(cloud, plan) as seam, pytest.raises(ClientError) as caught:
        client(seam, who, tries=1).list_buckets()
    said = caught.value.response
    assert (said["Error"]["Code"], said["ResponseMetadata"]["HTTPStatusCode"]) == (code, status)


def test_a_client_that_gives_up_leaves_as_many_faults_as_tries(
    cloud: Cloud, who: Identity
) -> None:
    with seams.faults(cloud, "[[rule]]\nfault = 'error'") as seam:
        with pytest.raises(ClientError, match="reached max retries: 2"):
            client(seam, who, tries=3).get_object(Bucket="larder", Key="a")
        assert [i.ordinal for i in seam.log] == [1, 2, 3]
    assert theirs(cloud, who) == []


def test_a_presigned_request_is_known_for_what_it_is(cloud: Cloud, who: Identity) -> None:
    with seams.faults(cloud, "[[rule]]\nfault = 'error'\noperation = 'GetObject'") as seam:
        link = client(seam, who).generate_presigned_url(
            "get_object", {"Bucket": "larder", "Key": "x"}
        )
        connection = HTTPConnection(link.split("/")[2], timeout=20)
        connection.request("GET", "/" + link.split("/", 3)[3])
        answer = connection.getresponse()
        assert ElementTree.fromstring(answer.read()).findtext("Code") == "InternalError"
        connection.close()
    assert (seam.log[0].operation, seam.log[0].key) == ("GetObject", "larder/x")


# ---------------------------------------------------------------- waits


def test_waits_are_waited_and_written_down(cloud: Cloud, who: Identity) -> None:
    waited: list[float] = []
    plan = "seed = 5\n[[rule]]\nfault = 'latency'\nuniform = [10, 90]\nmethod = 'PUT'"
    with seams.faults(cloud, plan, sleep=waited.append) as seam:
        s3 = client(seam, who)
        for number in range(8):
            s3.put_object(Bucket="larder", Key=str(number), Body=b"x")
        s3.list_buckets()
        assert [i.ms / 1000 for i in seam.log] == waited
        assert len(set(waited)) == 8
        again: list[float] = []
    with seams.faults(cloud, plan, sleep=again.append) as seam:
        for number in range(8):
            client(seam, who).put_object(Bucket="larder", Key=str(number), Body=b"x")
    assert again == waited


def test_a_wait_is_real_unless_told_otherwise(cloud: Cloud, who: Identity) -> None:
    with seams.faults(cloud, "[[rule]]\nfault = 'latency'\nms = 150") as seam:
        before = time.monotonic()
        client(seam, who).list_buckets()
        assert time.monotonic() - before >= 0.15


# ---------------------------------------------------------------- dropped connections


def test_a_drop_before_the_work_leaves_no_trace(cloud: Cloud, who: Identity) -> None:
    plan = "[[rule]]\nfault = 'drop'\noperation = 'PutObject'\nfirst = 2"
    with seams.faults(cloud, plan) as seam:
        with pytest.raises(ConnectionClosedError):
            client(seam, who, tries=1).put_object(Bucket="larder", Key="a", Body=b"x")
        assert bodies(cloud, "a") == []
        done = client(seam, who).put_object(Bucket="larder", Key="a", Body=b"x")
        assert done["ResponseMetadata"]["RetryAttempts"] == 1
    assert [(i.fault, i.when, i.status) for i in seam.log] == [("drop", "before", 0)] * 2
    assert len(theirs(cloud, who)) == 1


def test_a_drop_after_the_work_does_it_twice_when_retried(cloud: Cloud, who: Identity) -> None:
    cloud.client("s3").put_bucket_versioning(
        Bucket="larder", VersioningConfiguration={"Status": "Enabled"}
    )
    plan = "[[rule]]\nfault = 'drop'\nwhen = 'after'\nservice = 's3'\nfirst = 1"
    with seams.faults(cloud, plan) as seam:
        client(seam, who).put_object(Bucket="larder", Key="a", Body=b"once?")
        assert len(bodies(cloud, "a")) == 2  # told once, done twice
        assert [(i.when, i.status) for i in seam.log] == [("after", 200)]
        assert len(theirs(cloud, who)) == 2


def test_a_client_token_makes_the_second_time_harmless(cloud: Cloud, who: Identity) -> None:
    plan = "[[rule]]\nfault = 'drop'\nwhen = 'after'\nservice = 'secretsmanager'\nfirst = 1"
    with seams.faults(cloud, plan) as seam:
        made = client(seam, who, "secretsmanager").create_secret(
            Name="till", SecretString="s", ClientRequestToken="t" * 32
        )
        assert made["ResponseMetadata"]["RetryAttempts"] == 1
        assert list(cloud.state("secretsmanager")["till"]["versions"]) == ["t" * 32]
    assert [call.status for call in theirs(cloud, who)] == [200, 200]


def test_a_body_that_breaks_off_is_not_taken_for_whole(cloud: Cloud, who: Identity) -> None:
    cloud.client("s3").put_object(Bucket="larder", Key="a", Body=b"x" * 100_000)
    plan = "[[rule]]\nfault = 'drop'\nwhen = 'body'\noperation = 'GetObject'\nfirst = 1"
    with seams.faults(cloud, plan) as seam:
        s3 = client(seam, who)
        with pytest.raises(ResponseStreamingError):
            s3.get_object(Bucket="larder", Key="a")["Body"].read()
        assert len(s3.get_object(Bucket="larder", Key="a")["Body"].read()) == 100_000
        assert [(i.when, i.status) for i in seam.log] == [("body", 200)]


def test_an_answer_without_a_body_is_dropped_whole(cloud: Cloud, who: Identity) -> None:
    plan = "[[rule]]\nfault = 'drop'\nwhen = 'body'\nfirst = 1"
    with seams.faults(cloud, plan) as seam:
        with pytest.raises(ConnectionClosedError):
            client(seam, who, tries=1).put_object(Bucket="larder", Key="a", Body=b"x")
        assert seam.log[0].when == "after"
        assert len(bodies(cloud, "a")) == 1


# ---------------------------------------------------------------- the switch, threads, the end


def test_a_plan_is_switched_while_a_client_goes_on(cloud: Cloud, who: Identity) -> None:
    with seams.faults(cloud) as seam:
        s3 = client(seam, who, tries=1)
        s3.list_buckets()
        seam.switch("[[rule]]\nfault = 'error'\nfirst = 1")
        for _ in range(2):  # a switch counts afresh, also to the same plan
            with pytest.raises(ClientError):
                s3.list_buckets()
            s3.list_buckets()
            seam.switch("[[rule]]\nfault = 'error'\nfirst = 1")
        with pytest.raises(RecordError):
            seam.switch("[[rule]]\nfault = 'eror'")
        with pytest.raises(ClientError):  # a wrong plan changed nothing
            s3.list_buckets()
        seam.switch(None)
        s3.list_buckets()
        assert [i.number for i in seam.log] == [0, 1, 2]


def test_threads_meet_as_many_faults_as_one_after_the_other(
    cloud: Cloud, who: Identity
) -> None:
    plan = "seed = 2\n[[rule]]\nfault = 'error'\nchance = 0.3"
    with seams.faults(cloud, plan) as seam:

        def work(number: int) -> None:
            s3 = client(seam, who, tries=1)
            for _ in range(10):
                try:
                    s3.list_buckets()
                except ClientError:
                    failed.append(number)

        failed: list[int] = []
        threads = [threading.Thread(target=work, args=(n,)) for n in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        together = sorted(i.ordinal for i in seam.log)
        assert len(failed) == len(together)
    with seams.faults(cloud, plan) as seam:
        s3 = client(seam, who, tries=1)
        for _ in range(40):
            try:
                s3.list_buckets()
            except ClientError:
                continue
        assert [i.ordinal for i in seam.log] == together
    assert len(theirs(cloud, who)) == 2 * (40 - len(together))


def test_an_engine_that_has_gone_is_a_dropped_connection_and_no_fault_of_the_plan() -> None:
    gone = loopback()
    address = gone.getsockname()
    gone.close()
    with seams.faults(address) as seam:
        connection = HTTPConnection(*seam.url.removeprefix("http://").split(":"), timeout=20)
        connection.request("GET", "/")
        with pytest.raises(ConnectionError):
            connection.getresponse()
        connection.close()
        assert (seam.seen, seam.passed, seam.log) == (1, 0, [])


def test_the_log_is_lines_of_json(cloud: Cloud, who: Identity) -> None:
    with seams.faults(cloud, "[[rule]]\nname = 'n'\nfault = 'drop'\nfirst = 1") as seam:
        client(seam, who).list_buckets()
        row = json.loads(seams.line(seam.log[0]))
    assert (row["rule"], row["operation"], row["ordinal"]) == ("n", "ListBuckets", 1)


def test_there_are_three_clouds(cloud: Cloud) -> None:
    with pytest.raises(ValueError, match="there are aws, azure, gcp"), seams.faults(
        cloud, cloud="ibm"
    ):
        pass
