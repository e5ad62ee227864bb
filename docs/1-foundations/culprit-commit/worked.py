"""The worked example of the lesson: halving a history whose runs can lie."""

from __future__ import annotations

import random
from collections.abc import Callable

Run = Callable[[int], bool]  # does the test pass at this commit?


# --8<-- [start:halve]
def halve(good: int, bad: int, passes: Run) -> int:
    """Return the first commit at which the test fails, after one that passes up to one that fails.
    """
    while bad - good > 1:
        middle = (good + bad) // 2
        if passes(middle):
            good = middle
        else:
            bad = middle
    return bad
# --8<-- [end:halve]


# --8<-- [start:liar]
def flaky(culprit: int, share: float, draw: random.Random) -> Run:
    """Return a test that fails from the culprit on, and now and then before it."""
    return lambda commit: commit < culprit and draw.random() >= share


def again(run: Run, times: int) -> Run:
    """Ask so many times before a failure is believed: one pass is proof, one failure is not."""
    return lambda commit: any(run(commit) for _ in range(times))
# --8<-- [end:liar]


# --8<-- [start:chance]
def chance(commits: int, share: float, times: int) -> float:
    """Return how often halving names the right one of `commits` (a power of two) commits.

    At each halving the answer is "good" half of the time, and only then can a lie hurt.
    """
    halvings = commits.bit_length() - 1
    return (1 - share**times / 2) ** halvings
# --8<-- [end:chance]


def observed(commits: int, share: float, times: int, searches: int, seed: int) -> float:
    """Return the same by searching: the share of searches that named the culprit."""
    draw = random.Random(seed)
    hits = 0
    for _ in range(searches):
        culprit = draw.randrange(1, commits + 1)
        hits += halve(0, commits, again(flaky(culprit, share, draw), times)) == culprit
    return hits / searches
