# %% [markdown]
# # Late parcels, with a linear model
#
# Steps instead of trees: each kind of bad day is cut into bands, each band has a weight of its own
# in each group of depots, and logistic regression does the rest. 130 weights that one can read
# aloud.

# %%
import re

import numpy as np
import pandas as pd
from scipy.cluster.vq import kmeans2
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

# %%
CAUSES = {  # bands of each kind of bad day; the first edge is where it becomes bad
    "wind_ms": [8, 9, 10, 11, 12, 14, 16],
    "snow_cm": [2, 4, 8, 10, 15, 20],
    "load_pct": [104, 108, 112, 116, 121, 126],
    "hour": [16, 17, 18],
}
WORDS = {"service": ["express", "pharmacy"], "housing": ["flat", "farm", "locker"]}


# %%
def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row a parcel with every spelling settled, by rewriting before parsing."""
    table = raw.copy()
    words = table[["depot", "service"]].apply(lambda column: column.str.strip())
    table["depot"], table["service"] = words["depot"].str.upper(), words["service"].str.lower()
    german = re.compile(r"(\d\d)\.(\d\d)\.(\d{4}) (\d\d)\.(\d\d)")
    table["accepted"] = pd.to_datetime(
        table["accepted"].str.replace(german, r"\3-\2-\1 \4:\5", regex=True)
    )
    weight = table["weight_kg"].to_numpy()
    table["weight_kg"] = np.select([weight == 0, weight > 30], [np.nan, weight / 1000], weight)
    weather = ["temp_c", "wind_ms", "rain_mm", "snow_cm"]
    table[weather] = table[weather].where(table[weather] > -999)
    return table.groupby("parcel", as_index=False, sort=True).head(1)


def split(parcels: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (all earlier months, the newest month)."""
    newest = parcels["accepted"].max().normalize().replace(day=1)
    return parcels[parcels["accepted"] < newest], parcels[parcels["accepted"] >= newest]


# %%
def bands(parcels: pd.DataFrame) -> dict[str, np.ndarray]:
    """Return, for each cause, rows x bands: 1 where the value has passed the band's edge."""
    values = parcels.assign(hour=parcels["accepted"].dt.hour)
    return {
        cause: (values[cause].to_numpy(float)[:, None] >= np.array(edges)).astype(float)
        for cause, edges in CAUSES.items()
    }


def group_depots(parcels: pd.DataFrame) -> dict[str, int]:
    """Return the group (0-3) of each depot: k-means from the four purest reactions."""
    bad = pd.DataFrame(
        {cause: table[:, len(table[0]) // 2] for cause, table in bands(parcels).items()}
    )
    bad.index = parcels.index
    quiet = bad.sum(axis=1) == 0
    late = parcels["late"].astype(float)
    usual = late[quiet].groupby(parcels["depot"][quiet]).mean()
    reactions = {
        c: late[bad[c] > 0].groupby(parcels["depot"][bad[c] > 0]).mean() - usual for c in bad
    }
    profile = pd.DataFrame(reactions).fillna(0.0)
    strongest = profile.to_numpy().argmax(axis=1)
    centres = np.array([profile.to_numpy()[strongest == k].mean(axis=0) for k in range(4)])
    _, group = kmeans2(profile.to_numpy(), centres, minit="matrix")
    return dict(zip(profile.index, group.tolist(), strict=True))


# %%
class Linear:
    """Logistic regression on bands x groups of depots; unknown depots belong to no group."""

    def __init__(self, parcels: pd.DataFrame) -> None:
        self.groups = group_depots(parcels)
        table, late = self.design(parcels), parcels["late"].to_numpy(int)
        model = LogisticRegression(C=0.3, max_iter=300).fit(table, late)
        self.weights, self.base = model.coef_[0], model.intercept_[0]

    def design(self, parcels: pd.DataFrame) -> np.ndarray:
        """Return the columns of the model: bands, bands x groups, words, distance, weight."""
        group = parcels["depot"].map(self.groups).to_numpy(float)
        member = (group[:, None] == np.arange(4)).astype(float)
        tables = list(bands(parcels).values())
        crossed = [band * member[:, [k]] for band in tables for k in range(4)]
        words = [
            (parcels[name] == word).to_numpy(float)[:, None]
            for name in WORDS
            for word in WORDS[name]
        ]
        far = np.nan_to_num(parcels[["distance_km"]].to_numpy(float) / 25)
        heavy = (parcels[["weight_kg"]].to_numpy(float) > 20).astype(float)
        return np.hstack([*tables, *crossed, member, *words, far, heavy])

    def chance(self, parcels: pd.DataFrame) -> np.ndarray:
        """Return P(late) of each parcel."""
        return expit(self.base + (self.design(parcels) * self.weights).sum(axis=1))


# %%
def train(parcels: pd.DataFrame) -> Linear:
    """Return the model fitted on every month."""
    return Linear(parcels)


def risk(model: Linear, parcels: pd.DataFrame) -> np.ndarray:
    """Return P(late) of each parcel."""
    return model.chance(parcels)


def decide(model: Linear, parcels: pd.DataFrame, costs: dict[str, float]) -> list[bool]:
    """Return which parcels to move: those for which moving is expected to be cheaper."""
    late = risk(model, parcels)
    keep = (1 - late) * costs["keep_ontime"] + late * costs["keep_late"]
    move = (1 - late) * costs["move_ontime"] + late * costs["move_late"]
    return (move < keep).tolist()
