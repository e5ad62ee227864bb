"""The parts of `./ladder test`: runs each, says what it cost, ends with one line for machines.

Every part runs, whatever became of the others. A part that cannot run is "not run", with the
reason; it is never counted as passed. Exit code: 0 none failed, 1 some did, 2 used wrongly.
"""

from __future__ import annotations

import argparse
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
BIN = Path(sys.executable).parent
NOT_RUN = 77  # what automake's tests answer, too
HUNG = 900  # seconds after which one test has failed, with a trace of where it waits
AT_ONCE = 4  # processes of pytest, at most: the tests start programs of their own
COLOUR = re.compile(r"\x1b\[[0-9;]*m")  # some tools colour what no terminal reads

# What a package of Debian is known by on systems that name their packages otherwise.
COMMANDS = {
    "chromium": ("chromium", "chromium-browser", "google-chrome"),
    "nodejs": ("node",),
    "openjdk-17-jre-headless": ("java",),
    "postgresql": ("pg_ctlcluster", "initdb"),
}


@dataclass(frozen=True)
class Part:
    """One command that proves one thing, and the system packages that it needs."""

    name: str
    proves: str
    command: tuple[str, ...]
    packages: tuple[str, ...] = ()
    slow: bool = False


@dataclass(frozen=True)
class Outcome:
    """How a part ended: passed, failed or not run; and what it cost."""

    part: Part
    verdict: str
    why: str = ""
    minutes: float = 0.0
    cpu: float = 0.0


def parts(scratch: Path) -> list[Part]:
    """Return all parts in the order in which they run."""
    python, ladder = sys.executable, str(BIN / "ladder")
    labs = _packages_of_labs()
    browser = ("chromium", "nodejs", "npm")
    return [
        Part("ruff", "style", (str(BIN / "ruff"), "check", ".", *_written_by_hand())),
        Part("mypy", "types of autograder and infra", (str(BIN / "mypy"),)),
        Part(
            "pytest",
            "our own tests",
            (
                python, "-m", "pytest", "-q", "--timeout", str(HUNG), "--dist", "loadfile",
                "-n", str(min(AT_ONCE, os.cpu_count() or 1)),
            ),
            ("git",),
        ),
        Part(
            "postgres",
            "the gradebook on a real PostgreSQL server",
            (python, "-m", "pytest", "-q", "tests/autograder/on_postgres.py"),
            ("postgresql",),
        ),
        Part(
            "azure",
            "the emulated Azure Storage, as its own clients see it",
            (
                python, "-m", "pytest", "-q", "tests/infra/on_azurite.py",
                "tests/infra/contract/on_azurite.py",
            ),
            ("nodejs", "npm"),
        ),
        Part(
            "localstack",
            "LocalStack in host mode, really installed and started",
            (python, "tests/infra/on_localstack.py"),
        ),
        Part(
            "checkov",
            "Checkov, really installed, reads templates",
            (python, "-m", "tests.infra.on_checkov"),
        ),
        Part(
            "terraform",
            "a stack by Terraform on the embedded cloud",
            (python, "tests/infra/on_terraform.py"),
        ),
        Part(
            "aws-cli",
            "CloudFormation on the embedded cloud, by the AWS CLI",
            (python, "-m", "tests.infra.on_awscli"),
        ),
        Part("sync", "generated files match their sources", (ladder, "sync", "--check")),
        Part("lint", "every lab and lesson keeps the rules", (ladder, "lint")),
        Part("prove", "every grader is right", (ladder, "prove"), labs),
        Part("attacks", "no submission harms or fools us", (python, "tests/attacks/attack.py")),
        Part(
            "site-material",
            "the site builds without a warning",
            (str(BIN / "mkdocs"), "build", "--strict", "--site-dir", str(scratch)),
        ),
        Part(
            "site-zensical",
            "its successor builds the same mkdocs.yml",
            (str(BIN / "zensical"), "build", "--strict", "--clean"),
        ),
        Part("browser", "pages in Chromium", (python, "tests/site/browser.py"), browser),
        Part(
            "results-pages",
            "report and feedback in Chromium",
            (python, "tests/site/results.py"),
            browser,
        ),
        Part(
            "desks",
            "each lab's solution passes on a learner's desk",
            (python, "-m", "pytest", "-q", "tests/course/on_desks.py"),
            labs,
            True,
        ),
        Part("prove-all", "prove, nothing remembered", (ladder, "prove", "--all"), labs, True),
        Part(
            "attacks-all",
            "each in both kinds of lab, as root and as a user",
            (python, "tests/attacks/attack.py", "--all"),
            (),
            True,
        ),
        Part("bench", "our cost beside our peers'", (ladder, "bench"), (), True),
        Part("lighthouse", "page quality", (python, "tests/site/lighthouse.py"), browser, True),
        Part("load", "a class at once", (python, "tests/bench/load.py"), (), True),
    ]


def _written_by_hand() -> list[str]:
    """Return the Python of labs that sync does not write; the rest of labs/ is excluded."""
    return sorted(str(path.relative_to(ROOT)) for path in ROOT.glob("labs/*-*/*/c*.py"))


def _packages_of_labs() -> tuple[str, ...]:
    """Return the system packages that course.toml names for labs."""
    needs = tomllib.loads((ROOT / "labs" / "course.toml").read_text()).get("needs", {})
    return tuple(sorted({package for need in needs.values() for package in need.get("apt", ())}))


def run(part: Part, lacking: Sequence[str]) -> Outcome:
    """Run one part and show its output."""
    print(f"\n== {part.name}: {part.proves}", flush=True)
    why = _cannot(part, lacking)
    if why:
        return Outcome(part, "not run", why)
    start, before = time.monotonic(), _cpu()
    code, last = _show(part.command)
    verdict = {0: "passed", NOT_RUN: "not run"}.get(code, "failed")
    why = {"passed": "", "not run": last, "failed": f"exit code {code}"}[verdict]
    return Outcome(part, verdict, why, (time.monotonic() - start) / 60, _cpu() - before)


def _cannot(part: Part, lacking: Sequence[str]) -> str:
    missing = [package for package in part.packages if package in lacking]
    if missing:
        return f"{', '.join(missing)} not installed"
    program = part.command[1 if part.command[0] == sys.executable else 0]
    if program.endswith(".py") and not (ROOT / program).exists():
        return f"no {program}"
    return ""


def _show(command: Sequence[str]) -> tuple[int, str]:
    """Run a command, pass its output on, return its exit code and its last line."""
    env = {**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONUNBUFFERED": "1"}
    last = ""
    with subprocess.Popen(
        command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace",
    ) as process:  # fmt: skip
        assert process.stdout is not None
        for coloured in process.stdout:
            line = COLOUR.sub("", coloured)
            print(line, end="", flush=True)
            last = line.strip() or last
    return process.returncode, last


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def lacking(packages: Sequence[str]) -> list[str]:
    """Return the system packages that are not there."""
    names = {package: COMMANDS.get(package, (package,)) for package in packages}
    return [p for p, commands in names.items() if not any(map(shutil.which, commands))]


def install(packages: Sequence[str]) -> str:
    """Install system packages as root on Debian; otherwise return the line to type."""
    line = f"apt-get install --no-install-recommends -y {' '.join(packages)}"
    if not shutil.which("apt-get"):
        return f"Install these with your system's package manager: {', '.join(packages)}"
    if os.geteuid() != 0:
        return f"sudo {line}"
    print(f"System packages, once: {', '.join(packages)}", flush=True)
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    quiet = [*line.split(), "-qq"]
    for command in (["apt-get", "update", "-qq"], quiet):
        if subprocess.run(command, env=env, stdout=subprocess.DEVNULL, check=False).returncode:
            return f"apt-get update && {line}"
    return ""


def table(outcomes: Sequence[Outcome]) -> str:
    """Return the closing table and, last, the line that machines read."""
    rows = [f"{'part':14} {'':8} {'minutes':>7} {'CPU-s':>8}"]
    for o in outcomes:
        row = f"{o.part.name:14} {o.verdict:8} {o.minutes:7.1f} {o.cpu:8.1f}  {o.why}"
        rows.append(row.rstrip())
    minutes, cpu = sum(o.minutes for o in outcomes), sum(o.cpu for o in outcomes)
    rows.append(f"{'in all':14} {'':8} {minutes:7.1f} {cpu:8.1f}")
    count = {v: sum(o.verdict == v for o in outcomes) for v in ("passed", "failed", "not run")}
    skipped = f", {count['not run']} skipped" if count["not run"] else ""
    return "\n".join([*rows, f"{count['passed']} passed, {count['failed']} failed{skipped}"])


def choose(known: Sequence[Part], names: Sequence[str], everything: bool) -> list[Part]:
    """Return the parts that were asked for; an unknown name ends the run with a suggestion."""
    by_name = {part.name: part for part in known}
    for name in names:
        if name not in by_name:
            near = get_close_matches(name, by_name, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" There are: {', '.join(by_name)}."
            print(f"no part {name!r}.{hint}", file=sys.stderr)
            raise SystemExit(2)
    if names:
        return [by_name[name] for name in by_name if name in names]
    return [part for part in known if everything or not part.slow]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the parts; return the exit code."""
    parser = argparse.ArgumentParser(prog="ladder test", description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART")
    parser.add_argument("--all", action="store_true", help="add the slow parts")
    parser.add_argument("--list", action="store_true", help="name the parts and stop")
    parser.add_argument("--as-is", action="store_true", help="install no system package")
    asked = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="ladder-site-") as scratch:
        known = parts(Path(scratch))
        if asked.list:
            for part in known:
                print(f"{part.name:14} {part.proves}{' (--all)' * part.slow}")
            return 0
        chosen = choose(known, asked.parts, asked.all)
        missing = lacking(sorted({p for part in chosen for p in part.packages}))
        if missing and not asked.as_is:
            line = install(missing)
            if line:
                print(f"System packages are missing. Type:\n  {line}\nor: ./ladder test --as-is")
                return 2
            missing = lacking(missing)
        outcomes = [_told(run(part, missing)) for part in chosen]
    print("\n" + table(outcomes))
    return int(any(o.verdict == "failed" for o in outcomes))


def _told(outcome: Outcome) -> Outcome:
    why = f": {outcome.why}" if outcome.why else ""
    print(f"-- {outcome.part.name} {outcome.verdict}{why} ({outcome.minutes:.1f} min)", flush=True)
    return outcome


if __name__ == "__main__":
    sys.exit(main())
