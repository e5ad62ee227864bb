"""Compile Board.scala with the compiler among Spark's jars, and run it.

    python build.py LAKE OUT [LAKE OUT ...]

Ends with 3 when it does not compile. Given; not yours to change.
"""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from night import SETTINGS

SMALL = ["-Xmx600m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]
OPENED = [
    "java.lang", "java.lang.invoke", "java.io", "java.net", "java.nio", "java.util",
    "java.util.concurrent", "java.util.concurrent.atomic", "sun.nio.ch", "sun.util.calendar",
]  # fmt: skip


def jars() -> str:
    """Return Spark's jars as a class path."""
    found = find_spec("pyspark")
    assert found is not None
    assert found.origin is not None
    return str(Path(found.origin).parent / "jars" / "*")


def main(pairs: list[str]) -> int:
    """Compile and run; return the exit status."""
    place, classes = jars(), Path("classes")
    classes.mkdir(exist_ok=True)
    compiler = ["scala.tools.nsc.Main", "-usejavacp", "-d", str(classes), "Board.scala"]
    if subprocess.run(["java", *SMALL, "-cp", place, *compiler], check=False).returncode:
        return 3
    opened = [f"--add-opens=java.base/{one}=ALL-UNNAMED" for one in OPENED]
    settings = [f"-D{name}={value}" for name, value in SETTINGS.items() if "eventLog" not in name]
    command = ["java", *SMALL, *opened, *settings, "-cp", f"{classes}:{place}", "Board", *pairs]
    env = os.environ | {"SPARK_LOCAL_IP": "127.0.0.1"}
    return subprocess.run(command, env=env, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
