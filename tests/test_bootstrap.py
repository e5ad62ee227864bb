"""`./ladder` before there is anything: what it finds, what it says, and that it recovers."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import ROOT, Course


def until(true: Callable[[], object]) -> None:
    """Wait for something another process does."""
    while not true():
        time.sleep(0.02)


# ---------------------------------------------------------------- finding Python


def test_no_python_is_said_with_the_command_that_mends_it(course: Course) -> None:
    done = course.run("up")
    assert done.returncode == 2
    assert "No Python was found; 3.11 or newer is needed" in done.stderr
    assert "pyenv install" in done.stderr


def test_the_command_fits_the_system(course: Course) -> None:
    course.command("apt-get", "exit 0")
    assert "sudo apt-get install python3 python3-venv" in course.run("up").stderr


def test_an_old_python_is_named_with_its_version(course: Course) -> None:
    course.command("python3", "echo old 3.9")
    done = course.run("up")
    assert done.returncode == 2
    assert "bin/python3 is Python 3.9" in done.stderr


def test_a_command_of_a_version_manager_that_only_complains_is_no_python(course: Course) -> None:
    course.command("python3.13", "echo 'python3.13: command not found' >&2; exit 127")
    course.command("python3", "echo old 3.8")
    assert "is Python 3.8" in course.run("up").stderr


def test_a_python_without_venv_is_said_with_the_package(
    course: Course, real_python: Path, tmp_path: Path
) -> None:
    (tmp_path / "ensurepip.py").write_text("raise ImportError('as on Debian')\n")
    course.command("apt-get", "exit 0")
    done = course.run("up", PYTHONPATH=str(tmp_path))
    version = f"{sys.version_info[0]}.{sys.version_info[1]}"
    assert done.returncode == 2
    assert "comes without its venv module" in done.stderr
    assert f"sudo apt-get install python{version} python{version}-venv" in done.stderr


def test_a_python_elsewhere_can_be_named(course: Course) -> None:
    course.stand_in()
    done = course.run("list", LADDER_PYTHON=sys.executable)
    assert done.stdout.endswith("cli: list\n")


# ---------------------------------------------------------------- the real thing, without an index


@pytest.fixture
def offline(course: Course, real_python: Path) -> Course:
    """The copy with a real venv and the real pip, whose index cannot be reached."""
    course.env |= {"PIP_CONFIG_FILE": os.devnull, "PIP_RETRIES": "1"}
    return course


def test_without_a_network_it_says_so_and_which_settings_count(offline: Course) -> None:
    done = offline.run("list", PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert done.returncode == 2
    assert "about 280 MB" in done.stderr
    assert "No package index can be reached" in done.stderr
    assert "pip config list" in done.stderr
    again = offline.run("list", PIP_NO_INDEX="1")  # the half-made .venv is gone on with
    assert again.returncode == 2
    assert "going on with it" in again.stderr
    assert "does not have what this course pins" in again.stderr


def test_a_link_to_the_environment_of_another_folder_is_left_alone(offline: Course) -> None:
    theirs = offline.root / "elsewhere"
    (theirs / ".ladder").mkdir(parents=True)
    (theirs / ".ladder" / "home").write_text("/another/course\n")
    (theirs / "kept").write_text("theirs")
    offline.venv.symlink_to(theirs)
    done = offline.run("list")
    assert done.returncode == 2
    assert "environment of another folder" in done.stderr
    assert done.stderr.rstrip().endswith("rm .venv")
    assert (theirs / "kept").read_text() == "theirs"


def test_a_full_disk_is_said_and_recovered_from(offline: Course) -> None:
    # A limit on the size of files stands in for the end of the disk: the write fails half way.
    limited = f"ulimit -f 100; exec '{offline.root}/ladder' list"
    done = subprocess.run(
        ["sh", "-c", limited], env=offline.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "The disk is full" in done.stderr
    assert not (offline.venv / ".ladder" / "home").exists()
    shutil.rmtree(offline.venv)
    offline.stand_in()
    assert offline.run("list").stdout.endswith("cli: list\n")


# ---------------------------------------------------------------- with pip standing in


@pytest.fixture
def ready(course: Course) -> Course:
    """The copy with a .venv in which nothing is installed yet."""
    course.stand_in()
    return course


def test_it_says_what_and_how_much_first_and_hands_over(ready: Course) -> None:
    done = ready.run("list", "--json")
    assert "about 280 MB" in done.stderr.splitlines()[0]
    assert "base        280 MB" in done.stderr
    assert done.stdout == "cli: list --json\n"


def test_with_nothing_to_install_neither_python_nor_pip_is_touched(ready: Course) -> None:
    ready.run("up")
    calls = ready.pip_calls()
    (ready.venv / "bin" / "python").write_text("#!/bin/sh\nexit 9\n")
    for name in ("python3", "python"):
        ready.command(name, "exit 9")
    done = ready.run("up", "--check")
    assert (done.stdout, done.stderr) == ("cli: up --check\n", "")
    assert ready.pip_calls() == calls


def test_each_command_installs_what_it_needs_and_no_more(ready: Course) -> None:
    ready.run("list")
    ready.run("up", "--help")
    assert len(ready.pip_calls()) == 1
    ready.run("start", "late-parcels")
    assert ready.pip_calls()[-1].endswith("[notebook,site,cloud,ml]")
    ready.run("up")
    assert len(ready.pip_calls()) == 2


def test_torch_comes_before_what_depends_on_it(ready: Course) -> None:
    ready.run("test")
    first, second = ready.pip_calls()
    assert first.endswith(" torch")
    assert "torch" in second.rsplit("[", 1)[1]


def test_a_machine_that_would_get_cuda_is_told_the_size_first(ready: Course) -> None:
    names = ("torch", "nvidia-cublas", "triton")
    planned = ", ".join(f'{{"metadata": {{"name": "{name}"}}}}' for name in names)
    (ready.root / "plan").write_text(f'{{"install": [{planned}]}}')
    assert "PyTorch with CUDA: 2 packages" in ready.run("test").stderr


def test_pip_is_pinned_and_its_index_is_the_users(ready: Course) -> None:
    ready.run("test")
    for call in ready.pip_calls():
        assert "-c " in call
        assert "index" not in call
        assert "://" not in call


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("SSLError(SSLCertVerificationError(1, 'CERTIFICATE_VERIFY_FAILED", "PIP_CERT"),
        ("Failed to establish a new connection: NewConnectionError", "can be reached"),
        ("ERROR: No matching distribution found for numpy==2.4.6", "does not have what"),
        ("[Errno 13] Permission denied: '/usr/lib'", "cannot be written to"),
        ("something nobody has seen before", "To begin anew:   rm -rf .venv && ./ladder up"),
    ],
)
def test_what_pip_says_becomes_one_paragraph(ready: Course, said: str, meant: str) -> None:
    (ready.root / "pip-says").write_text(said + "\n")
    done = ready.run("list")
    assert done.returncode == 2
    assert meant in done.stderr
    (ready.root / "pip-says").unlink()
    assert ready.run("list").stdout.endswith("cli: list\n")


def test_ctrl_c_stops_it_and_running_again_goes_on(ready: Course) -> None:
    (ready.root / "hold").touch()
    process = ready.begin("list")
    until((ready.root / "started").exists)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate()
    assert process.returncode not in (0, None)
    assert "Run the same command again" in said
    (ready.root / "hold").unlink()
    assert ready.run("list").stdout.endswith("cli: list\n")


def test_killed_half_way_the_next_run_waits_for_the_orphaned_pip(ready: Course) -> None:
    (ready.root / "hold").touch()
    process = ready.begin("list")
    until((ready.root / "started").exists)
    installer = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    for victim in (process.pid, *map(int, installer)):
        os.kill(victim, signal.SIGKILL)
    process.wait()
    second = ready.begin("list")
    assert second.stdout is not None
    assert "waiting for it" in second.stdout.readline()
    (ready.root / "hold").unlink()
    assert second.communicate()[0].endswith("cli: list\n")
    process.stdout and process.stdout.close()


def test_two_at_once_install_once(ready: Course) -> None:
    (ready.root / "hold").touch()
    first = ready.begin("list")
    until((ready.root / "started").exists)
    second = ready.begin("list")
    assert second.stdout is not None
    assert "waiting for it" in second.stdout.readline()
    (ready.root / "hold").unlink()
    assert first.communicate()[0].endswith("cli: list\n")
    assert second.communicate()[0].endswith("cli: list\n")
    assert len(ready.pip_calls()) == 1


def test_what_a_killed_pip_left_is_swept(ready: Course) -> None:
    packages = ready.venv / "lib" / "python3.11" / "site-packages"
    for name in ("torn-1.0.dist-info", "whole-1.0.dist-info", "~orch"):
        (packages / name).mkdir(parents=True)
    (packages / "torn-1.0.dist-info" / "RECORD").write_text("torn/__init__.py,,\n")
    (packages / "whole-1.0.dist-info" / "RECORD").write_text("whole-1.0.dist-info/INSTALLER,,\n")
    ready.run("list")
    assert [path.name for path in packages.iterdir()] == ["whole-1.0.dist-info"]


def test_changed_pins_bring_all_that_was_installed_up_to_date(ready: Course) -> None:
    ready.run("up")
    with (ready.root / "constraints.txt").open("a") as pins:
        pins.write("# a new version\n")
    assert ready.run("list").stderr.startswith("The pins have changed")
    assert ready.pip_calls()[-1].endswith("[notebook,site,cloud,ml]")
    assert ready.run("up").stdout == "cli: up\n"


def test_a_folder_that_was_moved_gets_a_new_venv(ready: Course, real_python: Path) -> None:
    ready.run("list")
    moved = ready.root.with_name("moved")
    ready.root.rename(moved)
    env = {**ready.env, "PATH": str(moved / "bin"), "PIP_NO_INDEX": "1"}
    done = subprocess.run(
        [moved / "ladder", "list"], env=env, capture_output=True, text=True, check=False
    )
    assert "Installing into .venv" in done.stderr
    assert (moved / ".venv" / "pyvenv.cfg").exists()


def test_the_shell_scripts_are_clean() -> None:
    shellcheck = Path(sys.executable).parent / "shellcheck"
    command = [shellcheck, ROOT / "ladder", ROOT / ".ci" / "run"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
