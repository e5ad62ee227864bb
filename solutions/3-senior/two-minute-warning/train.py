"""The nightly delay model: one command that any machine can be taken away from.

    python train.py --seed 7                                   train here, write model.safetensors
    python train.py --seed 7 --to s3://larkmoor-training/2026-11-21/     survive

Exit code 0: the model is published. 75: stopped on notice, start me again elsewhere.
One process, one device. The same bits are promised between machines of one type.
"""

from __future__ import annotations

import argparse
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from botocore.exceptions import ClientError, HTTPClientError
from nightly import Feed, Night
from notice import Notice
from shelf import MODEL, Shelf
from state import restore, snapshot

EVERY = 35  # steps between checkpoints; with the time an upload takes, well under 60
AGAIN = 75  # EX_TEMPFAIL: the night queue starts the job again


def main(argv: list[str] | None = None) -> int:
    """Train tonight's model; return the exit code."""
    parser = argparse.ArgumentParser(description="Train tonight's delay model.")
    parser.add_argument("--seed", type=int, required=True, help="tonight's seed")
    parser.add_argument("--to", help="s3://bucket/prefix/ of this night; without it, train here")
    options = parser.parse_args(argv)
    night = Night(options.seed, Feed())
    if options.to:
        return survive(night, Shelf(options.to))
    while not night.over:
        night.step()
    Path("model.safetensors").write_bytes(night.weights())
    return 0


def survive(night: Night, shelf: Shelf) -> int:
    """Train to the end, or to the notice. Whatever happens, the next call finishes the night."""
    ### BEGIN SOLUTION: resume, train, keep checkpoints without waiting, heed the notice, publish
    if shelf.holds(MODEL):
        return 0
    notice, kept, errand = Notice(), 0, None
    if data := shelf.newest():
        restore(night, data)
        kept = night.done
    with ThreadPoolExecutor(1) as porter:  # leaving the block waits for what is on its way
        while not night.over:
            if notice.given(night.done):
                porter.submit(shelf.keep, night.done, snapshot(night)).result()
                return AGAIN
            night.step()
            if night.done - kept >= EVERY and (errand is None or errand.done()):
                kept = night.done
                errand = porter.submit(carry, shelf, kept, snapshot(night))
    shelf.publish(night.weights())
    return 0


def carry(shelf: Shelf, step: int, data: bytes) -> None:
    """Keep a checkpoint if it can be kept. One that is lost is a pity, not a reason to stop."""
    try:
        shelf.keep(step, data)
    except (ClientError, HTTPClientError) as error:
        print(f"checkpoint of step {step} not kept: {error}", file=sys.stderr)
    ### END SOLUTION


if __name__ == "__main__":
    sys.exit(main())
