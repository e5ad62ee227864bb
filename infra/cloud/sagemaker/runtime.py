"""InvokeEndpoint: one request to one container, and what becomes of its answer.

Limit: whole bodies up to 6 MiB; no streams, no asynchronous invocations.
"""

from __future__ import annotations

import http.client
import json
import time

from infra.cloud.calls import Call
from infra.cloud.dispatch import ACCOUNT
from infra.cloud.errors import Answer, AwsError
from infra.cloud.events import metrics
from infra.cloud.inside import Inside, Later
from infra.cloud.sagemaker import endpoints, records
from infra.cloud.sagemaker.fleets import GROUP, Variant
from infra.cloud.sagemaker.servers import Reply, Server

LARGEST = 6 << 20
_PASSED = {
    "content-type": "Content-Type", "accept": "Accept",
    "x-amzn-sagemaker-custom-attributes": "X-Amzn-SageMaker-Custom-Attributes",
    "x-amzn-sagemaker-inference-id": "X-Amzn-SageMaker-Inference-Id",
}
_TIMEOUT = "Your invocation timed out while waiting for a response from container primary."


def invoke(call: Call, inside: Inside) -> Later:
    """InvokeEndpoint."""
    name = call.params["EndpointName"]
    endpoint = records.store(inside).kind(endpoints.KIND).get(name)
    if endpoint is None or endpoint.fleet is None:
        raise AwsError("ValidationError", f"Endpoint {name} of account {ACCOUNT} not found.")
    if len(call.body) > LARGEST:
        raise AwsError(
            "ValidationError",
            "1 validation error detected: Value at 'body' failed to satisfy constraint: Member"
            f" must have length less than or equal to {LARGEST}",
        )
    wanted = str(call.params.get("TargetVariant", ""))
    variant = endpoint.fleet.choose(wanted)
    if variant is None:
        raise AwsError("ValidationError", f"Variant {wanted} not found for endpoint {name}.")
    server = variant.pick()
    if server is None:
        raise AwsError(
            "ServiceUnavailable", f"No instance of variant {variant.name} is healthy.", 503
        )
    server.busy += 1
    return lambda: _exchange(call, inside, variant, server)


def _exchange(call: Call, inside: Inside, variant: Variant, server: Server) -> Answer:
    headers = {
        sent: call.headers[name] for name, sent in _PASSED.items() if name in call.headers
    }
    began = time.monotonic()
    try:
        reply = server.ask("POST", "/invocations", headers, call.body)
    except TimeoutError:
        reply = Reply(0, {}, _TIMEOUT.encode())
    except (OSError, http.client.HTTPException):
        reply = Reply(500, {}, b"")
    finally:
        with inside.door.lock:
            server.busy -= 1
    _count(call, inside, variant, reply.status, 1e6 * (time.monotonic() - began))
    return _good(reply, variant) if reply.status // 100 == 2 else _model_error(call, reply)


def _good(reply: Reply, variant: Variant) -> Answer:
    headers = {
        "content-type": reply.headers.get("content-type", "application/octet-stream"),
        "x-amzn-invoked-production-variant": variant.name,
    }
    own = "x-amzn-sagemaker-custom-attributes"
    return Answer(200, headers | ({own: reply.headers[own]} if own in reply.headers else {}),
                  reply.body)


def _model_error(call: Call, reply: Reply) -> Answer:
    """Return ModelError, which tells what the container said."""
    said = reply.body[:2048].decode(errors="replace")
    kind = "client" if reply.status // 100 == 4 else "server"
    group = GROUP.format(call.params["EndpointName"])
    body = {
        "Message": f'Received {kind} error ({reply.status}) from primary with message "{said}".'
                   f" See the log group {group} in account {ACCOUNT} for more information.",
        "OriginalMessage": said, "OriginalStatusCode": reply.status,
        "LogStreamArn": f"arn:aws:logs:{call.region}:{ACCOUNT}:log-group:{group}",
    }
    headers = {"content-type": "application/json", "x-amzn-errortype": "ModelError"}
    return Answer(424, headers, json.dumps(body).encode(), "ModelError")


def _count(call: Call, inside: Inside, variant: Variant, status: int, micro: float) -> None:
    dimensions = {"EndpointName": call.params["EndpointName"], "VariantName": variant.name}
    with inside.door.lock:
        metrics.put(inside, call.region, "AWS/SageMaker", dimensions, {
            "Invocations": 1.0, "ModelLatency": round(micro),
            "Invocation4XXErrors": float(status // 100 == 4),
            "Invocation5XXErrors": float(status // 100 not in (2, 4)),
        })


OPERATIONS = {"InvokeEndpoint": invoke}
