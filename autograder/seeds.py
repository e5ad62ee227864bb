"""Two kinds of seeds: the desk's, public, and the grading ones, secret. Draws nothing itself."""

from __future__ import annotations

import hashlib
import hmac

GRADED_SEEDS = 2


def desk_seed(course: str, lab: str, learner: str) -> int:
    """Return the public seed of a learner's desk: the same on every machine."""
    text = "\0".join((course, lab, learner)).encode("utf-8", "surrogatepass")
    return int.from_bytes(hashlib.sha256(text).digest()[:8], "big") >> 1


def grading_seed(secret: bytes, lab: str, version: str, learner: str, check: str, k: int) -> int:
    """Return the k-th secret seed of one check for one learner, the same at every attempt."""
    text = "\0".join((lab, version, learner, check, str(k))).encode("utf-8", "surrogatepass")
    return int.from_bytes(hmac.digest(secret, text, "sha256")[:8], "big") >> 1


def grading_seeds(
    secret: bytes,
    lab: str,
    version: str,
    learner: str,
    checks: list[str],
    count: int = GRADED_SEEDS,
) -> dict[str, list[int]]:
    """Return `count` secret seeds for each check. The secret itself goes no further than here."""
    return {
        c: [grading_seed(secret, lab, version, learner, c, k) for k in range(count)] for c in checks
    }


def epoch(secret: bytes) -> str:
    """Return a name for a secret that gives nothing of it away."""
    return hmac.digest(secret, b"seed epoch", "sha256").hex()[:12] if secret else "desk"
