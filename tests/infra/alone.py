"""A day of the whole desk in a network that has loopback and nothing else, and what tried to leave.

    python -m tests.infra.alone FOLDER      prints one object of JSON

The kernel counts packets that find no way out, whoever sent them, so a helper program or Node is
watched as well as ours. Limit: a program in a network of its own inside is not counted; it has no
way out either.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.infra import namespaces

AWAY = "192.0.2.1"  # an address for documentation, where nobody is
COUNTED = {("Ip", "OutNoRoutes"), ("Udp", "NoPorts")}  # the second: a resolver on loopback
# Calls that ask a cloud to go out by itself.
LURES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("sns", "subscribe", {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:lure",
                          "Protocol": "http", "Endpoint": f"http://{AWAY}/"}),
    ("sns", "publish", {"TopicArn": "arn:aws:sns:eu-central-1:123456789012:lure",
                        "Message": "out"}),
    ("cloudformation", "create_stack", {
        "StackName": "lure", "TemplateURL": f"https://lure.s3.amazonaws.com.{AWAY}.example/t.json"}),
    ("iam", "create_open_id_connect_provider", {"Url": f"https://{AWAY}", "ThumbprintList": []}),
)  # fmt: skip


def attempts() -> int:
    """Return how many packets of this network have found no way out so far."""
    words = [line.split() for line in Path("/proc/net/snmp").read_text().splitlines()]
    total = 0
    for names, values in zip(words[::2], words[1::2], strict=True):
        pairs = zip(names[1:], values[1:], strict=True)
        total += sum(int(v) for n, v in pairs if (names[0].rstrip(":"), n) in COUNTED)
    with contextlib.suppress(FileNotFoundError):  # a kernel without IPv6
        six = dict(line.split() for line in Path("/proc/net/snmp6").read_text().splitlines())
        total += int(six["Ip6OutNoRoutes"])
    return total


def beside() -> str:
    """Return the clouds that can run here beside the embedded one."""
    from infra.cloud import azure_engine

    google = importlib.util.find_spec("gcp_storage_emulator") is not None
    there = {"azure": azure_engine.is_installed(), "gcp": google}
    return ",".join(name for name, found in there.items() if found)


def ladder(folder: Path, *words: str) -> str:
    """Run one command of `ladder cloud` on the cloud in this folder; return what it says."""
    from click.testing import CliRunner

    from infra.cli import cloud

    return CliRunner().invoke(cloud, ["--state", str(folder), *words]).output


def lure(folder: Path) -> list[str]:
    """Make the calls that ask to go out; return what was said to each."""
    from botocore.exceptions import ClientError

    from infra.cloud.desk import Folder
    from infra.cloud.doctor import Patient

    running = Folder(folder).running()
    assert running is not None
    patient, said = Patient(Folder(folder), running), []
    patient.client("sns").create_topic(Name="lure")
    for service, call, arguments in LURES:
        try:
            getattr(patient.client(service), call)(**arguments)
            said.append("done")
        except ClientError as error:
            said.append(error.response["Error"]["Code"])
    return said


def counted(act: Callable[[], Any]) -> tuple[int, Any]:
    """Return how many packets found no way out meanwhile, and what came of it."""
    before = attempts()
    found = act()
    return attempts() - before, found


def go_out() -> None:
    """Try to leave by each way that is watched, as a program that calls home would."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(socket.AF_INET, kind) as one, contextlib.suppress(OSError):
            one.settimeout(5)
            one.connect((AWAY, 53))
    with contextlib.suppress(OSError):
        socket.getaddrinfo("home.example", 443)


def strangers(folder: Path) -> list[str]:
    """Return whom the cloud's processes talk to now, beyond this machine."""
    import psutil

    from infra.cloud.desk import Folder

    running = Folder(folder).running()
    assert running is not None
    first = psutil.Process(running.pid)
    wires = [w for p in (first, *first.children(recursive=True)) for w in p.net_connections()]
    peers = {str(wire.raddr.ip) for wire in wires if wire.raddr}
    return sorted(peer for peer in peers if not peer.startswith("127.") and peer != "::1")


def main() -> None:
    """Have a day, try to go out once, and tell what the kernel counted."""
    folder, alone = Path(sys.argv[1]), namespaces.leave()
    out: dict[str, Any] = {"alone": alone, "beside": beside()}

    def day() -> None:
        words = ["--with", out["beside"]] if out["beside"] else []
        out["up"] = ladder(folder, "up", "--port", "4800", *words)
        out["doctor"] = ladder(folder, "doctor")
        out["lured"] = lure(folder)
        out["strangers"] = strangers(folder)
        out["down"] = ladder(folder, "down")

    out["left"], _ = counted(day)
    out["control"], _ = counted(go_out)
    print(json.dumps(out))


if __name__ == "__main__":
    main()
