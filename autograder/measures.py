"""Measures of checks, graders and learners from plain numbers. Draws and prints nothing."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from statistics import fmean, pstdev, quantiles

FAR = 3.0  # Tukey's outer fence, in interquartile ranges


def point_biserial(passed: Sequence[bool], rest: Sequence[float]) -> float | None:
    """Return how well a check tells strong learners from weak ones, -1 to 1.

    r = (M1 - M0) / s * sqrt(p * q): M1 and M0 are the mean points of those who passed the check and
    of those who did not, s the standard deviation of all (divided by n), p and q the shares that
    passed and did not. It is Pearson's correlation of a 0/1 variable with a number (Lord & Novick,
    Statistical Theories of Mental Test Scores, 1968, 15.5). `rest` must be the points *without* the
    check itself, or a check correlates with its own points (Henrysson, Psychometrika 28, 1963).

    None, for undefined: when all or none passed, or all have the same rest.
    """
    share = fmean(passed) if passed else 0.0
    spread = pstdev(rest) if len(rest) > 1 else 0.0
    if share in (0.0, 1.0) or spread < 1e-12:
        return None
    with_it = fmean(r for r, ok in zip(rest, passed, strict=True) if ok)
    without = fmean(r for r, ok in zip(rest, passed, strict=True) if not ok)
    return (with_it - without) / spread * math.sqrt(share * (1 - share))


def weighted_kappa(first: Sequence[int], second: Sequence[int]) -> float | None:
    """Return the agreement of two graders beyond chance: Cohen's kappa, quadratic weights.

    kappa = 1 - sum(w * observed) / sum(w * expected), w = (i - j)^2 (Cohen, Psychological Bulletin
    70, 1968): two levels apart count four times one level apart. 1 is full agreement, 0 what
    chance gives, below 0 is worse. None when there is nothing to compare or both graders gave one
    and the same level to everything, so that chance agrees as well.
    """
    pairs = list(zip(first, second, strict=True))
    if not pairs:
        return None
    one, other = Counter(first), Counter(second)
    observed = sum((a - b) ** 2 for a, b in pairs) / len(pairs)
    expected = sum(
        n * m * (a - b) ** 2 for a, n in one.items() for b, m in other.items()
    ) / len(pairs) ** 2  # fmt: skip
    return 1 - observed / expected if expected else None


def oddness(passed: Sequence[bool], ease: Sequence[float]) -> float:
    """Return how unusual a pattern of passed checks is, 0 to 1: the share of Guttman errors.

    An error is a pair of checks of which the easier one failed and the harder one passed. Divided
    by the most that so many passed checks allow (Meijer, Applied Measurement in Education 7, 1994).
    0 when nobody could be odd: all or none passed. ease: the share of learners who passed each.
    """
    order = sorted(range(len(passed)), key=lambda i: -ease[i])
    errors = open_ones = 0
    for place, i in enumerate(order):
        if passed[i]:
            errors += sum(not passed[j] and ease[j] > ease[i] for j in order[:place])
        else:
            open_ones += 1
    most = open_ones * (len(passed) - open_ones)
    return errors / most if most else 0.0


def far_above(values: Sequence[float]) -> list[int]:
    """Return the places of values far above the rest: over Q3 + 3 (Q3 - Q1) of their logarithms.

    Logarithms, because costs are skewed. Empty below eight values: too few to say what is usual.
    """
    if len(values) < 8:
        return []
    logs = [math.log(max(v, 1e-3)) for v in values]
    low, _, high = quantiles(logs, n=4)
    fence = high + FAR * max(high - low, 0.05)
    return [i for i, log in enumerate(logs) if log > fence]


def spread(values: Sequence[float]) -> tuple[float, float, float, float, float]:
    """Return the 5 %, 25 %, 50 %, 75 % and 95 % points of values, which must not be empty."""
    if len(values) == 1:
        return (values[0],) * 5
    cuts = quantiles(values, n=20, method="inclusive")
    return cuts[0], cuts[4], cuts[9], cuts[14], cuts[18]
