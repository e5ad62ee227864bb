"""Keeps watch until told to leave."""

import signal
import sys
from pathlib import Path


def main():
    """Write `watching`, wait, leave with 75."""
    ### BEGIN SOLUTION: a handler for SIGTERM, then the file, then wait
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(75))
    Path("watching").touch()
    while True:
        signal.pause()
    ### END SOLUTION


if __name__ == "__main__":
    main()
