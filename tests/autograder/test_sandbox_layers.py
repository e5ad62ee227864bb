"""What is found out about this machine, the call filter itself, and the judge's confinement."""

from __future__ import annotations

import errno
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from autograder.errors import GraderError
from autograder.sandbox import detect, layers, seccomp

BEST = "A" if os.geteuid() == 0 else "B"


def run_filter(machine: str, arch: int, number: int, *args: int) -> int:
    """Interpret the filter as the kernel would; return its action."""
    words = [number, arch, 0, 0]
    for arg in (*args, *[0] * (6 - len(args))):
        words += [arg & 0xFFFFFFFF, arg >> 32]
    steps, at, value = seccomp.program(machine), 0, 0
    while True:
        code, yes, no, k = steps[at]
        at += 1
        if code == seccomp.RETURN:
            return k
        if code == seccomp.LOAD:
            value = words[k // 4]
            continue
        hit = {
            seccomp.EQUAL: value == k,
            seccomp.AT_LEAST: value >= k,
            seccomp.ANY_BIT: bool(value & k),
        }[code]
        at += yes if hit else no


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_the_filter_answers_as_its_table_says(machine: str) -> None:
    index, arch = seccomp.MACHINES[machine]
    ask: Callable[..., int] = lambda *args: run_filter(machine, arch, *args)  # noqa: E731
    denied, unknown = seccomp.ERRNO | errno.EPERM, seccomp.ERRNO | errno.EAFNOSUPPORT
    for pair in seccomp.DENIED.values():
        if pair[index] is not None:
            assert ask(pair[index]) == denied
    for pair in seccomp.ABSENT.values():
        assert ask(pair[index]) == seccomp.ERRNO | errno.ENOSYS
    assert ask(seccomp.CLONE[index], 0x11) == seccomp.ALLOW
    assert ask(seccomp.CLONE[index], 0x11 | 0x10000000) == denied
    assert ask(seccomp.IOCTL[index], 0, 0x5412) == denied
    assert ask(seccomp.IOCTL[index], 0, 0x541B) == seccomp.ALLOW
    assert ask(seccomp.PRLIMIT[index], 0, 7) == seccomp.ALLOW
    assert ask(seccomp.PRLIMIT[index], 1, 7) == denied
    assert [ask(seccomp.SOCKET[index], family) for family in (1, 2, 10, 16)] == [seccomp.ALLOW] * 4
    assert [ask(seccomp.SOCKET[index], family, 3, 9) for family in (16, 17)] == [unknown] * 2
    named = {n for pair in seccomp.DENIED.values() if (n := pair[index]) is not None}
    plain = set(range(470)) - named - {pair[index] for pair in seccomp.ABSENT.values()}
    plain -= {seccomp.SOCKET[index], seccomp.PRLIMIT[index]}
    assert {ask(number) for number in plain} == {seccomp.ALLOW}


def test_foreign_numbers_kill() -> None:
    arm, intel = seccomp.MACHINES["aarch64"][1], seccomp.MACHINES["x86_64"][1]
    assert run_filter("x86_64", arm, 0) == seccomp.KILL
    assert run_filter("aarch64", intel, 0) == seccomp.KILL
    assert run_filter("x86_64", intel, 0x40000000) == seccomp.KILL
    with pytest.raises(KeyError):
        seccomp.program("m68k")


def test_the_numbers_are_the_kernels() -> None:
    """Against this machine's own headers, where it has them."""
    header = Path("/usr/include/x86_64-linux-gnu/asm/unistd_64.h")
    generic = Path("/usr/include/asm-generic/unistd.h")
    own = {"clone": seccomp.CLONE, "socket": seccomp.SOCKET, "ioctl": seccomp.IOCTL}
    table = {**seccomp.DENIED, **seccomp.ABSENT, **own, "prlimit64": seccomp.PRLIMIT}
    for index, path in enumerate((header, generic)):
        text = path.read_text() if path.exists() else ""
        known = dict(re.findall(r"#define __NR3?_?(?:264_)?(\w+)\s+(\d+)", text))
        wrong = {
            name: known[name]
            for name, pair in table.items()
            if name in known and int(known[name]) != pair[index]
        }
        assert not wrong


def test_every_wall_is_attacked_and_the_best_mode_chosen(tmp_path: Path) -> None:
    found = detect(refresh=True, state=tmp_path)
    assert found.mode == BEST
    assert found.grades_others
    assert {name for name, held in found.have.items() if not held} <= {"uid"}
    assert found == detect(state=tmp_path)


@pytest.mark.parametrize(
    ("mode", "holds"),
    [
        ("B", {"files", "processes", "network", "writes", "kernel", "supervisor"}),
        ("C", {"files", "writes", "kernel"}),
        ("D", set()),
    ],
)
def test_the_attacks_tell_the_modes_apart(mode: str, holds: set[str]) -> None:
    have = layers.attack(mode)
    assert {name for name, held in have.items() if held} >= holds
    assert holds or not any(have.values())


def test_what_is_known_is_not_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = layers.Layers("C", {"files": True}, [layers.Missing("network", "why", "what to type")])
    monkeypatch.setattr(layers, "find", lambda: first)
    assert detect(state=tmp_path) == first
    monkeypatch.setattr(layers, "find", lambda: replace(first, mode="D"))
    assert detect(state=tmp_path).mode == "C"
    assert detect(refresh=True, state=tmp_path).mode == "D"
    for file in tmp_path.iterdir():
        file.write_text("{")
    assert detect(state=tmp_path).mode == "D"
    monkeypatch.setattr(layers, "fingerprint", lambda: ["another kernel"])
    monkeypatch.setattr(layers, "find", lambda: first)
    assert detect(state=tmp_path).mode == "C"


def test_a_refusal_is_told_with_its_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on Ubuntu 24.04, where a user namespace is given but nothing can be mounted in it."""

    def refuse(mode: str) -> dict[str, bool]:
        if mode in "AB":
            raise GraderError("the zygote did not start:\nOSError: mount: Permission denied")
        return dict.fromkeys(layers.WHAT, mode == "C")

    settings = {layers.SETTINGS[0]: "1"}
    monkeypatch.setattr(layers, "attack", refuse)
    monkeypatch.setattr(layers, "read_setting", lambda path: settings.get(path, ""))
    found = layers.find()
    assert found.mode == "C"
    assert not found.grades_others
    said = found.missing[-1]
    assert said.layer == "mode B"
    assert "mount: Permission denied" in said.why
    assert said.remedy == "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"


def test_a_container_is_told_what_it_lacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layers, "read_setting", lambda _: "")
    monkeypatch.setattr(layers, "in_container", lambda: True)
    assert "--cap-add SYS_ADMIN" in layers.remedy("A")
    assert "--cap-add SYS_ADMIN" in layers.remedy("B")


CONFINED = """
import json, os, socket, sys
from pathlib import Path
sys.path.append(sys.argv[1])
from autograder.sandbox import confine
from autograder.sandbox.root import visible
shown, hidden, out = map(Path, sys.argv[3:6])
connected = socket.create_connection(("127.0.0.1", int(sys.argv[6])))
confine(visible([shown]), [out], mode=sys.argv[2])
def tried(act, *args):
    try:
        return act(*args)
    except OSError as error:
        return type(error).__name__
print(json.dumps({
    "shown": tried(shown.joinpath("file").read_text),
    "hidden": tried(hidden.joinpath("file").read_text),
    "write shown": tried(shown.joinpath("new").write_text, "x"),
    "write out": tried(out.joinpath("new").write_text, "x"),
    "parent": tried(os.kill, os.getppid(), 0),
    "socket": tried(connected.send, b"hi"),
    "raw": tried(socket.socket, 17, 3),
}))
"""


@pytest.mark.parametrize("mode", [*(["A"] if BEST == "A" else []), "B", "C"])
def test_the_judges_child_is_closed_in(mode: str, tmp_path: Path) -> None:
    for name in ("shown", "hidden", "out"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_text(name)
        (tmp_path / name).chmod(0o777)
    tmp_path.chmod(0o755)
    with socket.create_server(("127.0.0.1", 0)) as cloud:
        folders = [str(tmp_path / name) for name in ("shown", "hidden", "out")]
        port, root = str(cloud.getsockname()[1]), str(Path(__file__).parents[2])
        done = subprocess.run(
            [sys.executable, "-c", CONFINED, root, mode, *folders, port],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    assert got["shown"] == "shown"
    assert got["hidden"] in ("FileNotFoundError", "PermissionError")
    assert got["write shown"] in ("OSError", "PermissionError")
    assert (got["write out"], got["socket"]) == (1, 2)
    assert got["parent"] == "PermissionError"
    assert got["raw"] == "OSError"
    assert (tmp_path / "out" / "new").read_text() == "x"
