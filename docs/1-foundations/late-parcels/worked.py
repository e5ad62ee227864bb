"""The worked example of the lesson: what two hold-outs promise, and what January then costs.

Not the lab's solution: it learns from clean tables, and it may look at the true chances.
"""

from __future__ import annotations

import larkmoor
import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.preprocessing import OrdinalEncoder

COSTS = {"keep_ontime": 0.0, "keep_late": 6.0, "move_ontime": 1.2, "move_late": 2.4}
WORDS = ["depot", "region", "service", "housing"]
NUMBERS = ["weight_kg", "distance_km", "load_pct", "temp_c", "wind_ms", "rain_mm", "snow_cm"]

# --8<-- [start:models]
MODELS = {
    "forest, grown to the end": lambda: RandomForestClassifier(25, random_state=0),
    "boosting, small trees": lambda: HistGradientBoostingClassifier(
        max_iter=120, learning_rate=0.06, max_leaf_nodes=12, min_samples_leaf=100,
        categorical_features=range(len(WORDS)), early_stopping=False, random_state=0,
    ),
}  # fmt: skip
# --8<-- [end:models]


# --8<-- [start:cost]
def threshold(costs: dict[str, float]) -> float:
    """Return the risk at which keeping and moving cost the same."""
    wasted = costs["move_ontime"] - costs["keep_ontime"]
    saved = costs["keep_late"] - costs["move_late"]
    return wasted / (wasted + saved)


def cost(moved: np.ndarray, chance: np.ndarray, costs: dict[str, float]) -> float:
    """Return the expected cost in euros a parcel; `chance` of being late is 0 or 1 in hindsight."""
    keep = (1 - chance) * costs["keep_ontime"] + chance * costs["keep_late"]
    move = (1 - chance) * costs["move_ontime"] + chance * costs["move_late"]
    return float(np.where(moved, move, keep).mean())


# --8<-- [end:cost]


def features(parcels: pd.DataFrame, encoder: OrdinalEncoder) -> np.ndarray:
    """Return what is known at acceptance, as numbers."""
    words = encoder.transform(parcels[WORDS])
    hour = parcels["accepted"].dt.hour.to_numpy()[:, None]
    return np.hstack([words, parcels[NUMBERS].to_numpy(float), hour])


def decisions(name: str, seen: pd.DataFrame, asked: pd.DataFrame) -> np.ndarray:
    """Return what a model trained on `seen`, or a yardstick, would move of `asked`."""
    if name == "perfect knowledge":
        return larkmoor.lateness(asked) > threshold(COSTS)
    if name == "rule of thumb":
        rough = (asked["wind_ms"] >= 11) | (asked["snow_cm"] >= 10)
        return (rough | (asked["accepted"].dt.hour >= 17)).to_numpy()
    encoder = OrdinalEncoder().fit(seen[WORDS])
    model = MODELS[name]().fit(features(seen, encoder), seen["late"])
    return model.predict_proba(features(asked, encoder))[:, 1] > threshold(COSTS)


# --8<-- [start:promise]
def promises(seed: int, n: int = 36_000) -> pd.DataFrame:
    """Return, for each model, what each hold-out promises and what January truly costs."""
    year = larkmoor.parcels(seed, n)
    january = larkmoor.parcels(seed, 10_000, start="2026-01", months=1)
    drawn = np.random.default_rng(seed).random(len(year)) < 0.1
    newest = (year["accepted"].dt.month == 12).to_numpy()
    rows = {name: {} for name in [*MODELS, "rule of thumb", "perfect knowledge"]}
    for holdout, asked in {"random tenth": drawn, "newest month": newest}.items():
        for name in rows:
            moved = decisions(name, year[~asked], year[asked])
            rows[name][holdout] = cost(moved, year["late"][asked].to_numpy(float), COSTS)
    for name in rows:
        moved = decisions(name, year, january)
        rows[name]["January, truly"] = cost(moved, larkmoor.lateness(january), COSTS)
    return pd.DataFrame(rows).T


# --8<-- [end:promise]


# --8<-- [start:leak]
def giveaway(parcels: pd.DataFrame, morning: pd.DataFrame) -> list[str]:
    """Return the columns that say much afterwards and the same of every parcel at acceptance."""
    telling = parcels.nunique() > 1
    mute = morning.nunique(dropna=False) == 1
    return [name for name in morning if telling[name] and mute[name]]


# --8<-- [end:leak]


if __name__ == "__main__":
    print(promises(7).round(2))
