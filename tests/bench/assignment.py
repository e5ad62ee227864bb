"""The assignment that all graders grade: six exercises with answers right and wrong. Runs nothing.

From it come our lab's submissions, nbgrader's source notebook and Otter's.
"""

from __future__ import annotations

from dataclasses import dataclass
from textwrap import dedent

SETUP = """
import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
rng = np.random.default_rng(7)
sales = pd.DataFrame({'region': rng.choice(['eu', 'us', 'ap'], 5000),
                      'units': rng.integers(1, 9, 5000),
                      'price': rng.normal(20, 3, 5000).round(2)})
sales.loc[::17, 'price'] = np.nan
X, y = make_classification(n_samples=1500, n_features=12, n_informative=6, random_state=0)
""".strip()


@dataclass(frozen=True)
class Exercise:
    """One question. `public` tests are shown to learners, `hidden` ones are not."""

    name: str
    points: int
    prompt: str
    right: str
    wrong: str
    raises: str
    public: str
    hidden: str

    def __post_init__(self) -> None:
        for name in ("right", "wrong", "raises", "public", "hidden"):
            object.__setattr__(self, name, dedent(getattr(self, name)).strip())


EXERCISES = (
    Exercise(
        "standardize",
        3,
        "Return X with zero mean and unit variance per column; a constant column becomes zeros.",
        right="""
            def standardize(X):
                mu = X.mean(axis=0)
                sd = X.std(axis=0)
                sd = np.where(sd == 0, 1, sd)
                return (X - mu) / sd
            """,
        wrong="""
            def standardize(X):
                return X - X.mean(axis=0)
            """,
        raises="""
            def standardize(X):
                return X.no_such_attr
            """,
        public="assert standardize(np.array([[1., 2.], [3., 4.]])).shape == (2, 2)",
        hidden="""
            assert np.allclose(standardize(X).mean(axis=0), 0, atol=1e-9)
            assert np.allclose(standardize(X).std(axis=0), 1)
            assert np.isfinite(standardize(np.ones((4, 2)))).all()
            """,
    ),
    Exercise(
        "revenue",
        4,
        "Revenue per region (rows with no price dropped), sorted from high to low, as a Series.",
        right="""
            def revenue(df):
                d = df.dropna(subset=["price"])
                return (d.units * d.price).groupby(d.region).sum().sort_values(ascending=False)
            """,
        wrong="""
            def revenue(df):
                return df.groupby("region").price.sum()
            """,
        raises="""
            def revenue(df):
                return df["nope"]
            """,
        public="assert isinstance(revenue(sales), pd.Series)",
        hidden="""
            earned = sales.units * sales.price
            by_region = earned.groupby(sales.region).sum().sort_values(ascending=False)
            assert list(revenue(sales).index) == list(by_region.index)
            assert np.isclose(revenue(sales).sum(), earned.sum())
            assert revenue(sales).is_monotonic_decreasing
            """,
    ),
    Exercise(
        "impute",
        3,
        "Fill missing prices with the median of the region. Do not modify the input.",
        right="""
            def impute(df):
                out = df.copy()
                medians = out.groupby("region").price.transform("median")
                out["price"] = out.price.fillna(medians)
                return out
            """,
        wrong="""
            def impute(df):
                out = df.copy()
                out["price"] = out.price.fillna(0)
                return out
            """,
        raises="""
            def impute(df):
                raise ValueError("todo")
            """,
        public="assert impute(sales).price.notna().all()",
        hidden="""
            first = sales[sales.region == sales.region.iloc[0]]
            assert sales.price.isna().sum() > 0
            assert np.isclose(impute(sales).price.iloc[0], first.price.median())
            """,
    ),
    Exercise(
        "train",
        5,
        "Return a fitted sklearn pipeline (scaler + model), with test accuracy of at least 0.85.",
        right="""
            def train(X, y):
                forest = RandomForestClassifier(n_estimators=60, random_state=0)
                return make_pipeline(StandardScaler(), forest).fit(X, y)
            """,
        wrong="""
            def train(X, y):
                return make_pipeline(StandardScaler(), LogisticRegression(C=1e-9)).fit(X, y)
            """,
        raises="""
            def train(X, y):
                return make_pipeline(StandardScaler()).predict(X)
            """,
        public='assert hasattr(train(X[:200], y[:200]), "predict")',
        hidden="""
            Xa, Xb, ya, yb = train_test_split(X, y, random_state=1)
            model = train(Xa, ya)
            assert len(model.steps) >= 2
            assert (model.predict(Xb) == yb).mean() >= 0.85
            """,
    ),
    Exercise(
        "f1",
        4,
        "F1 score of the positive class from scratch; 0.0 when there are no true positives.",
        right="""
            def f1(t, p):
                t, p = np.asarray(t), np.asarray(p)
                tp = ((t == 1) & (p == 1)).sum()
                d = (t == 1).sum() + (p == 1).sum()
                return 0.0 if tp == 0 else 2 * tp / d
            """,
        wrong="""
            def f1(t, p):
                return float((np.asarray(t) == np.asarray(p)).mean())
            """,
        raises="""
            def f1(t, p):
                return 1 / 0
            """,
        public="assert f1([1, 0], [1, 0]) == 1",
        hidden="""
            from sklearn.metrics import f1_score
            t, p = [1, 1, 0, 0, 1], [1, 0, 1, 0, 1]
            assert np.isclose(f1(t, p), f1_score(t, p))
            assert f1([0, 0], [0, 0]) == 0
            """,
    ),
    Exercise(
        "kfold",
        4,
        "Yield k (train_idx, test_idx) pairs over range(n), shuffled by seed; "
        "the test parts are disjoint and cover all.",
        right="""
            def kfold(n, k, seed):
                idx = np.random.default_rng(seed).permutation(n)
                parts = np.array_split(idx, k)
                return [(np.concatenate(parts[:i] + parts[i+1:]), parts[i]) for i in range(k)]
            """,
        wrong="""
            def kfold(n, k, seed):
                return [(np.arange(n), np.arange(n)) for _ in range(k)]
            """,
        raises="""
            def kfold(n, k, seed):
                nothing = None
                return nothing[0]
            """,
        public="assert len(list(kfold(10, 5, 0))) == 5",
        hidden="""
            tests = np.concatenate([test for _, test in kfold(103, 4, 1)])
            assert sorted(tests.tolist()) == list(range(103))
            assert all(len(set(a) & set(b)) == 0 for a, b in kfold(103, 4, 1))
            assert not np.array_equal(list(kfold(20, 2, 0))[0][1], np.arange(10))
            """,
    ),
)
LOOP = """
def kfold(n, k, seed):
    while True:
        pass
""".strip()
POSSIBLE = sum(one.points for one in EXERCISES)
VARIANTS = ("loop", *["right"] * 8, *["wrong"] * 7, *["raises"] * 7, *["partial"] * 7)
STUDENTS = {f"s{number:02d}-{variant}": variant for number, variant in enumerate(VARIANTS)}


def answer(exercise: Exercise, variant: str) -> str:
    """Return what a learner of this variant wrote for one exercise."""
    if variant == "loop" and exercise.name == "kfold":
        return LOOP
    if variant == "partial":
        variant = "wrong" if EXERCISES.index(exercise) % 2 else "right"
    if variant == "loop":
        variant = "right"
    return str(getattr(exercise, variant))
