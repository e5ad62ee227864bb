# %% [markdown]
# # Late parcels, with a forest and a threshold found by trying
#
# No calibration is trusted: every month is scored once by a forest that has not seen it, and for
# each cost matrix the cut is the one that would have been cheapest over the whole year.

# %%
import numpy as np
import pandas as pd
from sklearn.cluster import AgglomerativeClustering
from sklearn.ensemble import ExtraTreesClassifier
from sklearn.model_selection import GroupKFold

# %%
NUMBERS = ["distance_km", "load_pct", "wind_ms", "snow_cm", "temp_c"]
BAD = {"wind_ms": 11, "snow_cm": 10, "load_pct": 116, "hour": 17}


# %%
def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row a parcel; the last sending of a parcel counts."""
    table = raw[~raw["parcel"].duplicated(keep="last")].copy()
    table["depot"] = [code.strip().upper() for code in table["depot"]]
    table["service"] = [name.strip().lower() for name in table["service"]]
    dotted = table["accepted"].str[2] == "."
    moments = pd.to_datetime(table["accepted"].where(~dotted), format="%Y-%m-%d %H:%M")
    moments[dotted] = pd.to_datetime(table["accepted"][dotted], format="%d.%m.%Y %H.%M")
    table["accepted"] = moments
    table.loc[table["weight_kg"] > 30, "weight_kg"] /= 1000
    table.loc[table["weight_kg"] == 0, "weight_kg"] = np.nan
    silent = table["wind_ms"] == -999
    table.loc[silent, ["temp_c", "wind_ms", "rain_mm", "snow_cm"]] = np.nan
    return table


def split(parcels: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (all earlier months, the newest month)."""
    month = parcels["accepted"].dt.strftime("%Y-%m")
    return parcels[month != month.max()], parcels[month == month.max()]


# %%
def reactions(parcels: pd.DataFrame) -> pd.DataFrame:
    """Return depots x kinds of bad day: late share on such days minus that of calm ones."""
    table = parcels.assign(hour=parcels["accepted"].dt.hour)
    bad = pd.DataFrame({name: table[name] >= edge for name, edge in BAD.items()})
    usual = table[~bad.any(axis=1)].groupby("depot")["late"].mean()
    columns = {name: table[bad[name]].groupby("depot")["late"].mean() - usual for name in BAD}
    return pd.DataFrame(columns).fillna(0.0)


def group_depots(parcels: pd.DataFrame) -> dict[str, int]:
    """Return the group (0-3) of each depot: Ward's trees on the reactions."""
    profile = reactions(parcels)
    labels = AgglomerativeClustering(4).fit_predict(profile / profile.std())
    return {depot: int(label) for depot, label in zip(profile.index, labels, strict=True)}


# %%
class Forest:
    """Extra trees with large leaves on reactions instead of depot codes."""

    def __init__(self, parcels: pd.DataFrame) -> None:
        self.profile = reactions(parcels)
        self.usual = parcels[NUMBERS].median()
        self.trees = ExtraTreesClassifier(
            12, min_samples_leaf=40, max_features=0.8, random_state=0
        ).fit(self.table(parcels), parcels["late"])

    def table(self, parcels: pd.DataFrame) -> np.ndarray:
        """Return the columns: numbers, hour, express, flat, and how the depot reacts to what."""
        numbers = parcels[NUMBERS].fillna(self.usual).to_numpy(float)
        hour = parcels["accepted"].dt.hour.to_numpy()
        express = (parcels["service"] == "express").to_numpy()
        flat = (parcels["housing"] == "flat").to_numpy()
        depot = self.profile.reindex(parcels["depot"]).fillna(self.profile.mean()).to_numpy()
        return np.column_stack([numbers, hour, express, flat, depot])

    def chance(self, parcels: pd.DataFrame) -> np.ndarray:
        """Return P(late) of each parcel."""
        return self.trees.predict_proba(self.table(parcels))[:, 1]


# %%
def train(parcels: pd.DataFrame) -> dict[str, object]:
    """Return the forest of all months, and what forests said of months they had not seen."""
    said = np.empty(len(parcels))
    months = parcels["accepted"].dt.month
    for seen, unseen in GroupKFold(3).split(parcels, groups=months):
        said[unseen] = Forest(parcels.iloc[seen]).chance(parcels.iloc[unseen])
    return {"forest": Forest(parcels), "said": said, "late": parcels["late"].to_numpy()}


def risk(model: dict, parcels: pd.DataFrame) -> np.ndarray:
    """Return P(late) of each parcel."""
    return model["forest"].chance(parcels)


def decide(model: dict, parcels: pd.DataFrame, costs: dict[str, float]) -> np.ndarray:
    """Return which parcels to move: those above the cut that was cheapest over the year."""
    cuts = np.linspace(-0.04, 1.04, 109)
    keep = np.where(model["late"], costs["keep_late"], costs["keep_ontime"])
    move = np.where(model["late"], costs["move_late"], costs["move_ontime"])
    paid = [np.where(model["said"] > cut, move, keep).mean() for cut in cuts]
    smooth = np.convolve(paid, np.ones(9) / 9, mode="valid")
    return risk(model, parcels) > cuts[smooth.argmin() + 4]
