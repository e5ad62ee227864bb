"""The environments of the peers, apart from ours: made once from pins, by pip's own settings."""

from __future__ import annotations

import hashlib
import shutil
import sys
import venv
from pathlib import Path

from measure import run

HERE = Path(__file__).parent
PINS = HERE / "peers.txt"
STATE = HERE.parents[1] / "work" / ".state" / "bench"


def environment(folder: Path = STATE, pins: Path = PINS, size: str = "1 GB") -> Path:
    """Return the folder of a virtual environment that holds what the pins say."""
    place, key = folder / "venv", hashlib.sha256(pins.read_bytes()).hexdigest()
    stamp = place / "pins.sha256"
    if stamp.is_file() and stamp.read_text() == key:
        return place
    shutil.rmtree(place, ignore_errors=True)
    print(f"Installing the peers into {place}, once: about {size}.", flush=True)
    venv.create(place, with_pip=True, symlinks=True)
    command = [place / "bin" / "python", "-m", "pip", "install", "--quiet", "-r", pins]
    run([*command, "--disable-pip-version-check"], folder)
    stamp.write_text(key)
    return place


if __name__ == "__main__":
    print(environment(), file=sys.stderr)
