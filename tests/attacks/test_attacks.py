"""The attacks are what they say, and what watches them sees: each watch is given something to see.

The attacks themselves are run by `./ladder test attacks`.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

import archives  # noqa: E402  they import each other by name, as a script's modules do
import attack as attacking  # noqa: E402
import host  # noqa: E402
import leaks  # noqa: E402
import table  # noqa: E402
from cases import Attack, read_families  # noqa: E402

sys.path.remove(str(HERE))
MARK = "mk0123456789ab"


def every() -> list[Attack]:
    """Return all attacks."""
    return [*read_families(), *archives.attacks()]


def test_there_are_many_and_each_has_a_name_of_its_own():
    names = [one.name for one in every()]
    assert len(names) >= 150
    assert len(set(names)) == len(names)


def test_each_is_tried_once_in_turns_and_by_all_in_every_way():
    attacks = every()
    for everything in (False, True):
        out = attacking.shared_out(attacks, everything)
        ways = [(one.name, kind, user) for user, some in out.items() for one, kind in some]
        assert len(set(ways)) == len(ways)
        assert {name for name, _, _ in ways} == {one.name for one in attacks}
        assert {kind for _, kind, _ in ways} == {"notebook", "project", "cloud"}
        both = len(out) * sum(len(one.kinds) for one in attacks)
        assert len(ways) == (both if everything else len(attacks))


def test_the_last_of_each_batch_is_an_honest_neighbour():
    made = attacking.entries([(one, one.kinds[0]) for one in every()])
    for kind in ("notebook", "project", "cloud"):
        assert [e for e in made if e.kind == kind][-1].attack is None
    assert [e.number for e in made] == list(range(len(made)))


def test_what_changed_in_a_folder_is_seen(tmp_path):
    (tmp_path / "kept").write_text("a")
    (tmp_path / "gone").write_text("a")
    before = host.snapshot([tmp_path])
    (tmp_path / "gone").unlink()
    (tmp_path / "kept").write_text("b")
    (tmp_path / "new\n").mkdir()
    found = host.changed(before, host.snapshot([tmp_path]))
    assert found == [str(tmp_path / name) for name in ("gone", "kept", "new\n")]
    assert not host.changed(before, before)


def test_what_has_the_mark_is_seen(tmp_path):
    (tmp_path / f"a-{MARK}").touch()
    (tmp_path / "deeper").mkdir()
    (tmp_path / "deeper" / "b").write_text(f"by {MARK}")
    (tmp_path / "deeper" / "c").write_text("by nobody")
    found = host.marked(MARK, [str(tmp_path)])
    assert [Path(path).name for path in found] == [f"a-{MARK}", "b"]
    assert not host.marked(MARK, [str(tmp_path)], [tmp_path])


KNOCKS = {
    "tcp": lambda aim: socket.create_connection(("127.0.0.1", aim["tcp"])).close(),
    "udp": lambda aim: _send(aim["udp"]),
    "unix": lambda aim: _connect(aim["unix"]),
    "abstract": lambda aim: _connect("\0" + aim["abstract"]),
}


def _send(port: int) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.sendto(b"x", ("127.0.0.1", port))


def _connect(name: str) -> None:
    with socket.socket(socket.AF_UNIX) as sock:
        sock.connect(name)


@pytest.mark.parametrize("door", KNOCKS)
def test_who_comes_to_a_door_is_seen(tmp_path, door):
    with host.Doors(tmp_path, f"{MARK}-{os.getpid()}") as doors:
        assert doors.visitors() == []
        KNOCKS[door](doors.aim())
        assert doors.visitors() == [door]


SURVIVES = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
import host
host.LOOKS = 3
host.adopt()
child = os.fork()
if not child:
    os.setsid()
    if os.fork() == 0:
        time.sleep(60)
    os._exit(0)
os.waitpid(child, 0)
mark = "no such" + " mark"  # this text is the command of all of them
left = host.survivors(mark)
print(len(left))
for one in left:
    os.kill(int(one.split()[-1]), 9)
host.LOOKS = 100
print(len(host.survivors(mark)))
"""


def test_what_lets_go_of_its_parents_is_seen():
    said = subprocess.run(
        [sys.executable, "-c", SURVIVES, str(HERE)], capture_output=True, text=True, check=True
    ).stdout
    assert said.split() == ["1", "0"]


def test_who_wears_the_mark_is_seen():
    with subprocess.Popen(["sleep", "60"], env={"X": MARK}, start_new_session=True) as process:
        try:
            while "sleep" not in Path(f"/proc/{process.pid}/cmdline").read_text():
                time.sleep(0.01)
            assert f"environ of {process.pid}" in host._wearing(MARK)
        finally:
            os.kill(process.pid, signal.SIGKILL)


SHOWN = ("a 123456789012.", "a x123456789012y", "210987654321", f"{123456789012:x}", f"{77:064d}")


@pytest.mark.parametrize("text", SHOWN)
def test_an_input_in_any_artefact_is_seen(tmp_path, text):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "report.html").write_text(f"<p>{text}</p>")
    known = leaks._number(123456789012, "an input") | leaks._forms(f"{77:064d}", "the secret")
    assert leaks.leaks(tmp_path, (), known)
    assert leaks.leaks(tmp_path / "none", (text,), known)
    assert not leaks.leaks(tmp_path, (), leaks._number(999999999999, "another"))


ACTIVE = {
    "a.html": '<p onclick="x()">', "b.html": "<script>x()</script>", "c.html": "<iframe>",
    "d.html": '<a href="javascript:x()">', "e.csv": "ann,=1+1\n", "f.csv": "@SUM(A1)\n",
}  # fmt: skip


@pytest.mark.parametrize("name", ACTIVE)
def test_what_would_run_when_it_is_opened_is_seen(tmp_path, name):
    (tmp_path / name).write_text(ACTIVE[name])
    assert leaks.active(tmp_path / name)
    harmless = '<p title="onclick">&lt;script></p>\n' if name.endswith("html") else "-1,a=b\n"
    (tmp_path / name).write_text(harmless)
    assert not leaks.active(tmp_path / name)


def test_what_a_terminal_would_obey_is_seen():
    said = ["told the terminal '\\x1b'", "told the terminal '\\x9b'"]
    assert leaks.commands("a\x1b[2J\x9b") == said
    assert not leaks.commands("plain\ttext\n")


GUILTY = {
    "writes": "open(AIM['place'] + '/home/' + AIM['name'], 'w').write(MARK)",
    "knocks": "import socket\nsocket.create_connection(('127.0.0.1', AIM['tcp'])).close()",
    "spies": "TRIED = open(AIM['place'] + '/cohort.toml').read()[-70:]",
}
SEEN = {"writes": "changed outside", "knocks": "came to the door: tcp", "spies": "the secret in"}


@pytest.fixture(scope="module")
def unguarded():
    """What is found when three attacks are graded without the walls."""
    made = [(Attack(n, "test", "", "", "tells", code), "project") for n, code in GUILTY.items()]
    with attacking.base() as folder:
        yield attacking.attack_all(attacking.users()[-1], made, folder, "--without-sandbox")


@pytest.mark.parametrize("name", GUILTY)
def test_without_walls_the_same_watch_finds_what_was_done(unguarded, name):
    assert unguarded.done.results, unguarded.done.err
    assert any(SEEN[name] in problem for problem in unguarded.problems), unguarded.problems


def test_a_grade_above_the_honest_one_is_seen():
    attack = Attack("lifts", "test", "", "", "ranks passed", "x")
    one = attacking.Entry(attack, "project", 0)
    passed = {"verdict": "passed", "points": 2, "message": ""}
    checks = [{"name": name, **passed} for name in ("adds", "ranks")]
    done = attacking.Done(0, "", "", 0.0, {one.learner: {"checks": checks}})
    run = attacking.Run("root", [one], done)
    assert "LIFTED to 4.0 of 2" in attacking._wrong(run, one, attacking.outcome(run, one), 2)[0]
    assert not attacking._wrong(run, one, attacking.outcome(run, one), 4)


def test_the_table_says_what_happened():
    attack = Attack("a", "f", "tries `x`", "wins", "ranks crashed")
    said = ["tells passed: ; ranks crashed: your code | stopped\nx; keeps failed: no"]
    assert table._end(attack, said) == "`` ranks crashed: your code | stopped ``"
    assert table._end(attack, ["refused: /a/b.zip: is a link"]) == "`` refused: is a link ``"
    assert table._text("tries `x`") == "tries \\`x\\`"
