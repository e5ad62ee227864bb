"""The loop inside an execution environment: loads a handler once, then answers one event at a time.

It speaks JSON over one connection: a length of four bytes, then a message. It is copied into the
sandbox of each environment and runs there alone. Limit: standard library only; what it sends is
the function's word and is read as data.
"""

from __future__ import annotations

import builtins
import contextlib
import importlib
import io
import json
import logging
import os
import socket
import struct
import sys
import time
import traceback
from collections.abc import Callable
from typing import Any

_LENGTH = struct.Struct(">I")
LONGEST_RESPONSE = 6 * 1024 * 1024 + 100


class Wire:
    """Messages over a socket."""

    def __init__(self, connection: socket.socket) -> None:
        self.connection = connection

    def send(self, **message: Any) -> None:
        """Send one message."""
        data = json.dumps(message).encode()
        self.connection.sendall(_LENGTH.pack(len(data)) + data)

    def receive(self) -> dict[str, Any] | None:
        """Receive one message; None at the end."""
        head = self._exactly(_LENGTH.size)
        body = self._exactly(_LENGTH.unpack(head)[0]) if head is not None else None
        return json.loads(body) if body is not None else None

    def _exactly(self, size: int) -> bytes | None:
        parts = bytearray()
        while len(parts) < size:
            piece = self.connection.recv(size - len(parts))
            if not piece:
                return None
            parts += piece
        return bytes(parts)


class Log(io.TextIOBase):
    """Standard output: every write goes out at once, so that a killed function's is not lost."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire

    def writable(self) -> bool:
        """It is for writing."""
        return True

    def write(self, text: str) -> int:
        """Send what is printed."""
        if text:
            self.wire.send(log=str(text))
        return len(text)


class Records(logging.Handler):
    """What the root logger has in Lambda: the level, the time in UTC and the request before it."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log
        self.request_id = ""
        text = "[%(levelname)s]\t%(asctime)s.%(msecs)03dZ\t%(aws_request_id)s\t%(message)s\n"
        form = logging.Formatter(text, "%Y-%m-%dT%H:%M:%S")
        form.converter = time.gmtime
        self.setFormatter(form)

    def emit(self, record: logging.LogRecord) -> None:
        """Send one record."""
        record.aws_request_id = self.request_id
        try:
            self.log.write(self.format(record))
        except Exception:
            self.handleError(record)


class Context:
    """What a handler gets as its second argument."""

    def __init__(self, given: dict[str, Any]) -> None:
        self._deadline = time.monotonic() + given["seconds"]
        self.aws_request_id: str = given["request_id"]
        self.invoked_function_arn: str = given["arn"]
        self.function_name = os.environ["AWS_LAMBDA_FUNCTION_NAME"]
        self.function_version = os.environ["AWS_LAMBDA_FUNCTION_VERSION"]
        self.memory_limit_in_mb = os.environ["AWS_LAMBDA_FUNCTION_MEMORY_SIZE"]
        self.log_group_name = os.environ["AWS_LAMBDA_LOG_GROUP_NAME"]
        self.log_stream_name = os.environ["AWS_LAMBDA_LOG_STREAM_NAME"]
        self.client_context = given.get("client_context")
        self.identity = None

    def get_remaining_time_in_millis(self) -> int:
        """Return how many milliseconds are left until the timeout."""
        return max(0, int(1000 * (self._deadline - time.monotonic())))

    def log(self, message: object) -> None:
        """Write to the log."""
        sys.stdout.write(str(message))


def report(error: BaseException, skip: int = 0) -> dict[str, Any]:
    """Return an exception as the payload of a failed invocation."""
    frames = traceback.extract_tb(error.__traceback__)[skip:]
    return {
        "errorMessage": str(error), "errorType": type(error).__name__,
        "stackTrace": traceback.format_list(frames),
    }


def fault(kind: str, message: str) -> dict[str, Any]:
    """Return the payload of a failure that the runtime found, not the function."""
    return {"errorMessage": message, "errorType": kind, "stackTrace": []}


def load(name: str) -> tuple[Callable[..., Any] | None, dict[str, Any] | None]:
    """Return the handler that `module.function` names, or why there is none."""
    module, _, function = name.rpartition(".")
    if not module:
        return None, fault("Runtime.MalformedHandlerName", f"Bad handler '{name}': no module given")
    try:
        loaded = importlib.import_module(module.replace("/", "."))
    except ImportError as error:
        text = f"Unable to import module '{module}': {error}"
        return None, fault("Runtime.ImportModuleError", text)
    except SyntaxError as error:
        text = f"Syntax error in module '{module}': {error}"
        return None, fault("Runtime.UserCodeSyntaxError", text)
    except Exception as error:  # whatever a module does when it is imported is the function's own
        return None, report(error, 3)
    found = getattr(loaded, function, None)
    if found is None:
        text = f"Handler '{function}' missing on module '{module}'"
        return None, fault("Runtime.HandlerNotFound", text)
    return found, None


def answer(handler: Callable[..., Any], event: Any, context: Context) -> dict[str, Any]:
    """Run the handler once; return what becomes of it."""
    try:
        result = handler(event, context)
    except Exception as error:  # whatever a handler raises is its answer
        return {"failed": report(error, 1)}
    try:
        text = json.dumps(result, ensure_ascii=False)
    except (TypeError, ValueError) as error:
        kind = "Runtime.MarshalError"
        return {"failed": fault(kind, f"Unable to marshal response: {error}")}
    if len(text.encode(errors="surrogatepass")) > LONGEST_RESPONSE:
        limit = f"exceeded maximum allowed payload size ({LONGEST_RESPONSE} bytes)."
        return {"failed": {
            "errorMessage": f"Response payload size {limit}",
            "errorType": "Function.ResponseSizeTooLarge",
        }}
    return {"result": text}


def serve(wire: Wire) -> None:
    """Load the handler, say so, then answer events until the connection ends."""
    sys.stdout = sys.stderr = log = Log(wire)
    records = Records(log)
    logging.getLogger().addHandler(records)
    sys.path.insert(0, os.environ["LAMBDA_TASK_ROOT"])
    handler, broken = load(os.environ["_HANDLER"])
    if broken is not None:
        print(f"[ERROR] {broken['errorType']}: {broken['errorMessage']}")
    wire.send(loaded=True, failed=broken)
    while (message := wire.receive()) is not None:
        if handler is None:
            wire.send(failed=broken)
            continue
        records.request_id = message["request_id"]
        done = answer(handler, message["event"], Context(message))
        if "failed" in done:
            print(f"[ERROR] {done['failed']['errorType']}: {done['failed']['errorMessage']}")
            print("".join(done["failed"].get("stackTrace", [])), end="")
        with contextlib.suppress(Exception):
            builtins.print(end="", flush=True)
        wire.send(**done)


def main() -> None:
    """Listen where the environment says, take one connection and serve it."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", int(os.environ.pop("LADDER_PORT"))))
        listener.listen(1)
        connection, _ = listener.accept()
    serve(Wire(connection))


if __name__ == "__main__":
    main()
