"""One assignment definition -> nbgrader source notebook, otter source notebook, 30 submissions."""

EX = []


def ex(name, pts, prompt, solution, public, hidden, wrong, raises):
    EX.append(
        dict(
            name=name,
            pts=pts,
            prompt=prompt,
            solution=solution,
            public=public,
            hidden=hidden,
            wrong=wrong,
            raises=raises,
        )
    )


SETUP = """import numpy as np
import pandas as pd
from sklearn.datasets import make_classification
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.linear_model import LogisticRegression
from sklearn.ensemble import RandomForestClassifier
rng = np.random.default_rng(7)
sales = pd.DataFrame({'region': rng.choice(['eu', 'us', 'ap'], 5000), 'units': rng.integers(1, 9, 5000),
                      'price': rng.normal(20, 3, 5000).round(2)})
sales.loc[::17, 'price'] = np.nan
X, y = make_classification(n_samples=1500, n_features=12, n_informative=6, random_state=0)"""

ex(
    "standardize",
    3,
    "Return X with zero mean and unit variance per column; a constant column becomes zeros.",
    [
        "def standardize(X):",
        "    mu = X.mean(axis=0)",
        "    sd = X.std(axis=0)",
        "    sd = np.where(sd == 0, 1, sd)",
        "    return (X - mu) / sd",
    ],
    ["assert standardize(np.array([[1., 2.], [3., 4.]])).shape == (2, 2)"],
    [
        "assert np.allclose(standardize(X).mean(axis=0), 0, atol=1e-9)",
        "assert np.allclose(standardize(X).std(axis=0), 1)",
        "assert np.isfinite(standardize(np.ones((4, 2)))).all()",
    ],
    ["def standardize(X):", "    return X - X.mean(axis=0)"],
    ["def standardize(X):", "    return X.no_such_attr"],
)
ex(
    "revenue",
    4,
    "Revenue per region (rows with no price dropped), sorted from high to low, as a Series.",
    [
        "def revenue(df):",
        '    d = df.dropna(subset=["price"])',
        "    return (d.units * d.price).groupby(d.region).sum().sort_values(ascending=False)",
    ],
    ["assert isinstance(revenue(sales), pd.Series)"],
    [
        "assert list(revenue(sales).index) == list((sales.units*sales.price).groupby(sales.region).sum().sort_values(ascending=False).index)",
        "assert np.isclose(revenue(sales).sum(), (sales.units*sales.price).sum())",
        "assert revenue(sales).is_monotonic_decreasing",
    ],
    ["def revenue(df):", '    return df.groupby("region").price.sum()'],
    ["def revenue(df):", '    return df["nope"]'],
)
ex(
    "impute",
    3,
    "Fill missing prices with the median of the region. Do not modify the input.",
    [
        "def impute(df):",
        "    out = df.copy()",
        '    out["price"] = out.price.fillna(out.groupby("region").price.transform("median"))',
        "    return out",
    ],
    ["assert impute(sales).price.notna().all()"],
    [
        "assert sales.price.isna().sum() > 0",
        "assert np.isclose(impute(sales).price.iloc[0], sales[sales.region == sales.region.iloc[0]].price.median())",
    ],
    [
        "def impute(df):",
        "    out = df.copy()",
        '    out["price"] = out.price.fillna(0)',
        "    return out",
    ],
    ["def impute(df):", '    raise ValueError("todo")'],
)
ex(
    "train",
    5,
    "Return a fitted sklearn pipeline (scaler + model), with test accuracy of at least 0.85.",
    [
        "def train(X, y):",
        "    return make_pipeline(StandardScaler(), RandomForestClassifier(n_estimators=60, random_state=0)).fit(X, y)",
    ],
    ['assert hasattr(train(X[:200], y[:200]), "predict")'],
    [
        "Xa, Xb, ya, yb = train_test_split(X, y, random_state=1)",
        "model = train(Xa, ya)",
        "assert len(model.steps) >= 2",
        "assert (model.predict(Xb) == yb).mean() >= 0.85",
    ],
    [
        "def train(X, y):",
        "    return make_pipeline(StandardScaler(), LogisticRegression(C=1e-9)).fit(X, y)",
    ],
    ["def train(X, y):", "    return make_pipeline(StandardScaler()).predict(X)"],
)
ex(
    "f1",
    4,
    "F1 score of the positive class from scratch; 0.0 when there are no true positives.",
    [
        "def f1(t, p):",
        "    t, p = np.asarray(t), np.asarray(p)",
        "    tp = ((t == 1) & (p == 1)).sum()",
        "    d = (t == 1).sum() + (p == 1).sum()",
        "    return 0.0 if tp == 0 else 2 * tp / d",
    ],
    ["assert f1([1, 0], [1, 0]) == 1"],
    [
        "from sklearn.metrics import f1_score",
        "assert np.isclose(f1([1,1,0,0,1], [1,0,1,0,1]), f1_score([1,1,0,0,1], [1,0,1,0,1]))",
        "assert f1([0, 0], [0, 0]) == 0",
    ],
    ["def f1(t, p):", "    return float((np.asarray(t) == np.asarray(p)).mean())"],
    ["def f1(t, p):", "    return 1 / 0"],
)
ex(
    "kfold",
    4,
    "Yield k (train_idx, test_idx) pairs over range(n), shuffled by seed; the tests parts are disjoint and cover all.",
    [
        "def kfold(n, k, seed):",
        "    idx = np.random.default_rng(seed).permutation(n)",
        "    parts = np.array_split(idx, k)",
        "    return [(np.concatenate(parts[:i] + parts[i+1:]), parts[i]) for i in range(k)]",
    ],
    ["assert len(list(kfold(10, 5, 0))) == 5"],
    [
        "assert sorted(np.concatenate([b for _, b in kfold(103, 4, 1)]).tolist()) == list(range(103))",
        "assert all(len(set(a) & set(b)) == 0 for a, b in kfold(103, 4, 1))",
        "assert not np.array_equal(list(kfold(20, 2, 0))[0][1], np.arange(10))",
    ],
    ["def kfold(n, k, seed):", "    return [(np.arange(n), np.arange(n)) for _ in range(k)]"],
    ["def kfold(n, k, seed):", "    return None[0]"],
)
LOOP = ["def kfold(n, k, seed):", "    while True:", "        pass"]
TOTAL = sum(e["pts"] for e in EX)


def body(e, variant, i):
    if variant == "right":
        return e["solution"]
    if variant == "wrong":
        return e["wrong"]
    if variant == "exception":
        return e["raises"]
    if variant == "partial":
        return e["solution"] if i % 2 == 0 else e["wrong"]
    if variant == "loop":
        return LOOP if e["name"] == "kfold" else e["solution"]
    raise KeyError(variant)


VARIANTS = ["loop"] + ["right"] * 8 + ["wrong"] * 7 + ["exception"] * 7 + ["partial"] * 7
STUDENTS = [(f"s{i:02d}-{v}", v) for i, v in enumerate(VARIANTS)]
