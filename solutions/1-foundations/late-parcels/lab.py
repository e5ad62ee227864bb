# %% [markdown]
# # Late parcels
#
# Larkmoor has 24 depots, one tired spreadsheet and a rule of thumb. You have `parcels.csv` (2025,
# as the depots export it), `morning.csv` (what a depot's screen shows of 400 parcels at the moment
# they are accepted) and until Thursday. The brief is in `README.md`.
#
# Five sittings; each ends on a check that you can run here. Cells with a `TODO` are yours, the rest
# runs as it is. Read those too: most traps of this lab lie in cells
# that run.

# %%
import numpy as np
import pandas as pd
from sklearn.cluster import KMeans
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, OrdinalEncoder

# %% [markdown]
# ## Sitting 1: What the depots send
#
# Never fit anything to a table you have not looked at. Ten rows, then the columns that are supposed
# to be simple.

# %%
raw = pd.read_csv("parcels.csv")
raw.sample(10, random_state=1).T

# %%
print(f"{len(raw):,} rows, {raw['parcel'].nunique():,} parcels")
print(raw["depot"].value_counts().tail(6), "\n")
print(raw[["weight_kg", "wind_ms", "snow_cm"]].describe().round(1), "\n")
print(raw["accepted"].str[:3].value_counts().head(), "\n")
print(raw["service"].map(repr).value_counts().head(6))

# %% [markdown]
# Six things are wrong with this table and you have now seen all of them. Three are mended below as
# an example. Two rows of one parcel are often spelt differently, so comparing whole rows would
# miss them; and -999 becomes *missing*, not zero, not the mean: a silent weather station is a
# fact, and the model may want to know it.


# %%
def tidy(raw: pd.DataFrame) -> pd.DataFrame:
    """Return one row a parcel, words in one spelling, weather missing where it is silent."""
    table = raw.drop_duplicates("parcel").reset_index(drop=True)
    table["depot"] = table["depot"].str.strip().str.upper()
    table["service"] = table["service"].str.strip().str.lower()
    weather = ["temp_c", "wind_ms", "rain_mm", "snow_cm"]
    table[weather] = table[weather].replace(-999, np.nan)
    return table


# %% [markdown]
# The other three are yours. Facts that you cannot guess: no parcel weighs less than 0.1 kg or more
# than 30 kg; a scale that was not used sends 0; the handhelds of two suppliers write the moment of
# acceptance in two ways, one of them as in `04.03.2025 17.22`, which at Larkmoor is in March.


# %%
MAX_KG = 30


def kilograms(weight: pd.Series) -> pd.Series:
    """Return weights in kilograms; NaN where nothing was weighed."""
    ### BEGIN SOLUTION: some scales send grams, and a scale that was not used sends 0
    return weight.mask(weight > MAX_KG, weight / 1000).replace(0, np.nan)
    ### END SOLUTION


# %%
def moments(text: pd.Series) -> pd.Series:
    """Return the two spellings of a moment as one column of datetimes."""
    ### BEGIN SOLUTION: read both spellings, each with its own format
    usual = pd.to_datetime(text, format="%Y-%m-%d %H:%M", errors="coerce")
    other = pd.to_datetime(text, format="%d.%m.%Y %H.%M", errors="coerce")
    return usual.fillna(other)
    ### END SOLUTION


# %%
def clean(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the table that everything below works on: one row a parcel, oldest first."""
    table = tidy(raw)
    table["weight_kg"] = kilograms(table["weight_kg"])
    table["accepted"] = moments(table["accepted"])
    return table.sort_values("accepted", kind="stable").reset_index(drop=True)


parcels = clean(raw)
parcels.describe().T.round(1)

# %%
# %check cleans_what_the_depots_send

# %% [markdown]
# ## Sitting 2: An honest hold-out, and a price
#
# The model will be trained at the end of a month and asked about the month after. Before you decide
# how to test it, two looks at the data. First: how alike are neighbours?

# %%
siblings = parcels.groupby("consignment")["late"].agg(["size", "mean"])
several = siblings[siblings["size"] > 1]
print(f"{(parcels['consignment'].map(siblings['size']) > 1).mean():.0%} of parcels have siblings")
print(f"{several['mean'].isin([0, 1]).mean():.1%} of the families share one fate")

# %% [markdown]
# Second: how alike are months?

# %%
parcels.groupby(parcels["accepted"].dt.to_period("M"))["late"].agg(["mean", "size"]).round(3)

# %% [markdown]
# Draw one parcel at random into the test part and its brother stays in the training part, same van,
# same fate. A model that learns consignments by heart will look like a genius. And December is not
# May. Which rows of the table can play the month that the model will be asked about, and which had
# it seen by then?


# %%
def split(parcels: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (all earlier months, the newest month)."""
    ### BEGIN SOLUTION: one part plays the past, the other the month to come
    month = parcels["accepted"].dt.to_period("M")
    return parcels[month < month.max()], parcels[month == month.max()]
    ### END SOLUTION


# %%
older, newest = split(parcels)
print(f"train on {len(older):,}, test on {len(newest):,} of {newest['accepted'].min():%B %Y}")

# %% [markdown]
# ### What a decision costs
#
# Dispatch can move a parcel to the early van. That costs something, and it costs more to be late.
# Euros a parcel; rows are what we did, columns what would have happened had we kept it:
#
# | | would be on time | would be late |
# |---|---|---|
# | **keep** | 0.00 | 6.00 |
# | **move** | 1.20 | 2.40 |
#
# (Moved and late anyway is in the 2.40: the early van saves most of them, not all.)

# %%
COSTS = {"keep_ontime": 0.0, "keep_late": 6.0, "move_ontime": 1.2, "move_late": 2.4}


def price(moved: np.ndarray, late: np.ndarray, costs: dict[str, float]) -> float:
    """Return what decisions cost, euros a parcel, once it is known which parcels were late."""
    keep = np.where(late, costs["keep_late"], costs["keep_ontime"])
    move = np.where(late, costs["move_late"], costs["move_ontime"])
    return float(np.where(moved, move, keep).mean())


def rule_of_thumb(parcels: pd.DataFrame) -> np.ndarray:
    """Return which parcels the depots move today: late in the day, stormy or snowed in."""
    evening = parcels["accepted"].dt.hour >= 17
    rough = (parcels["wind_ms"] >= 11) | (parcels["snow_cm"] >= 10)
    return (evening | rough).to_numpy()


nothing = np.zeros(len(newest), bool)
ways = {"keep all": nothing, "move all": ~nothing, "rule": rule_of_thumb(newest)}
for name, moved in ways.items():
    print(f"{name:10} {price(moved, newest['late'], COSTS):.2f} euros a parcel")

# %% [markdown]
# That is the number to beat, and the last line is the only opponent that counts. A model that is
# better than nothing and worse than the rule is a way of spending money.
#
# From a risk to a decision: a parcel with risk p costs, kept, `(1-p) keep_ontime + p keep_late`,
# and moved, the same with the other row: two lines over p. Draw them, also for a month in which
# moving pays for no parcel, or for all. Four numbers decide. Accuracy, F1 and 0.5 are not among
# them.


# %%
def pays(chance: np.ndarray, costs: dict[str, float]) -> np.ndarray:
    """Return where moving a parcel with this chance of being late is cheaper than keeping it."""
    ### BEGIN SOLUTION: which of the two lines is lower, for any four costs?
    keep = (1 - chance) * costs["keep_ontime"] + chance * costs["keep_late"]
    move = (1 - chance) * costs["move_ontime"] + chance * costs["move_late"]
    return move < keep
    ### END SOLUTION


# %%
grid = np.linspace(0, 1, 1001)
print(f"moving pays from a risk of {grid[pays(grid, COSTS)].min():.2f}")

# %%
# %check holds_out_the_newest_month

# %% [markdown]
# ## Sitting 3: What you may know
#
# The table holds everything Larkmoor *ever* wrote down about a parcel. The model will run when the
# parcel is accepted. Put the two files side by side.

# %%
morning = pd.read_csv("morning.csv")
pd.DataFrame({"2025, afterwards": parcels.nunique(), "this morning": morning.nunique()})

# %% [markdown]
# Which columns are there in the morning *and* already say what they say in the table? Only those
# may be features. A name is no evidence.


# %%
WORDS = ["depot", "region", "service", "housing"]
### BEGIN SOLUTION: NUMBERS, a list: the numeric columns known at acceptance that tell of a risk
NUMBERS = ["weight_kg", "distance_km", "load_pct", "temp_c", "wind_ms", "rain_mm", "snow_cm"]
### END SOLUTION


def features(parcels: pd.DataFrame) -> pd.DataFrame:
    """Return what a model may see of each parcel at the moment it is accepted."""
    table = parcels[WORDS + NUMBERS].copy()
    table[NUMBERS] = table[NUMBERS].astype(float)
    return table.assign(
        hour=parcels["accepted"].dt.hour + parcels["accepted"].dt.minute / 60,
        weekday=parcels["accepted"].dt.dayofweek,
    )


# %% [markdown]
# Two candidates, as pipelines, so that whatever is fitted (here: which depot codes exist) is
# fitted on the training part and nowhere else. A depot that opens next week becomes *missing* to
# the encoder, and both kinds of trees know what to do with missing values.


# %%
def pipeline(model: object) -> Pipeline:
    """Return features -> numbers -> model as one object that is fitted as a whole."""
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    columns = ColumnTransformer([("words", encode, WORDS)], remainder="passthrough")
    return make_pipeline(FunctionTransformer(features), columns, model)


def candidates() -> dict[str, Pipeline]:
    """Return fresh candidates by name."""
    forest = RandomForestClassifier(8, random_state=0)
    boosting = HistGradientBoostingClassifier(
        max_iter=120,
        learning_rate=0.06,
        max_leaf_nodes=8,
        min_samples_leaf=50,
        categorical_features=list(range(len(WORDS))),
        early_stopping=False,
        random_state=0,
    )
    return {"forest": pipeline(forest), "boosting": pipeline(boosting)}


def risk(model: Pipeline, parcels: pd.DataFrame) -> np.ndarray:
    """Return P(late) of each parcel, in the order of the rows."""
    return model.predict_proba(parcels)[:, 1]


def decide(model: Pipeline, parcels: pd.DataFrame, costs: dict[str, float]) -> np.ndarray:
    """Return which parcels to move to the early van."""
    return pays(risk(model, parcels), costs)


# %% [markdown]
# Now `train`. It gets a table like `parcels` and returns the model that will run next month. Which
# candidate is better is a question for *your* hold-out, in euros; and once it is answered, the
# newest month is too good to be wasted.


# %%
def train(parcels: pd.DataFrame) -> Pipeline:
    """Return a fitted model: the cheaper candidate on the hold-out, then fitted on everything."""
    ### BEGIN SOLUTION: fit both on the older months, price them on the newest, refit the winner
    older, newest = split(parcels)
    tried = {name: model.fit(older, older["late"]) for name, model in candidates().items()}
    late = newest["late"]
    paid = {name: price(decide(model, newest, COSTS), late, COSTS) for name, model in tried.items()}
    winner = min(paid, key=lambda name: paid[name])
    return candidates()[winner].fit(parcels, parcels["late"])
    ### END SOLUTION


# %%
# %check does_not_look_into_tomorrow

# %% [markdown]
# ## Sitting 4: Against the rule
#
# Before you ask the judge, ask yourself: what will the next month cost, and by how much will you
# have beaten the rule? Write the number down. Then run this.

# %%
tried = {name: model.fit(older, older["late"]) for name, model in candidates().items()}
for name, model in tried.items():
    paid = price(decide(model, newest, COSTS), newest["late"], COSTS)
    print(f"{name:10} {paid:.2f} euros a parcel")
print(f"{'rule':10} {price(rule_of_thumb(newest), newest['late'], COSTS):.2f} euros a parcel")

# %% [markdown]
# The same two candidates with a hold-out drawn at random. Look at what happens to the order.

# %%
drawn = np.random.default_rng(0).random(len(parcels)) < 0.1
for name, model in candidates().items():
    model.fit(parcels[~drawn], parcels["late"][~drawn])
    paid = price(decide(model, parcels[drawn], COSTS), parcels["late"][drawn], COSTS)
    print(f"{name:10} {paid:.2f} euros a parcel, says the random hold-out")

# %%
# %check beats_the_rule_of_thumb

# %% [markdown]
# In March a strike makes lateness dearer; in July vans are scarce. Nobody wants to train a model
# for that.

# %%
# %check moves_with_the_costs

# %% [markdown]
# ## Sitting 5: Why, not how often
#
# Next year's budget has four contracts in it: ferry slots, winter kit, an extra shift, an early
# truck to the hub. Depots are put into at most four groups, and each group gets the one measure
# that helps it most. So two depots belong together when they are late *for the same reason*. Start
# with how often:

# %%
parcels.groupby("depot")["late"].mean().sort_values().round(3)

# %% [markdown]
# 24 depots, and no gap anywhere. Whatever groups there are, they are not in this column. What would
# you have to ask of each depot, so that two depots that suffer from the same thing answer alike?
#
# The depots have words for a bad day. Here they are as columns, with two more tools: one that
# pulls a mean towards zero when it rests on few parcels, one that cuts any table of depots into
# four groups.

# %%
BAD = {"wind_ms": 11, "snow_cm": 10, "load_pct": 116, "hour": 17}


def bad_days(parcels: pd.DataFrame) -> pd.DataFrame:
    """Return, for each parcel, which kinds of bad day it was accepted on."""
    table = parcels.assign(hour=parcels["accepted"].dt.hour)
    return pd.DataFrame({name: table[name] >= edge for name, edge in BAD.items()})


def shrunk(total: pd.DataFrame, count: pd.DataFrame) -> pd.DataFrame:
    """Return total / count, pulled towards zero: a few snowy days prove little."""
    return total / (count + 60)


def four_groups(profile: pd.DataFrame) -> dict[str, int]:
    """Return a group (0-3) for each row of a table whose columns have one unit."""
    labels = KMeans(4, n_init=20, random_state=0).fit_predict(profile)
    return dict(zip(profile.index, labels.tolist(), strict=True))


# %%
def group_depots(parcels: pd.DataFrame) -> dict[str, int]:
    """Return the group (0-3) of each depot, by what makes its parcels late."""
    ### BEGIN SOLUTION: describe each depot by how it reacts to each kind of bad day, then group
    bad, late, depot = bad_days(parcels), parcels["late"].astype(float), parcels["depot"]
    usual = depot.map(late.groupby(depot).mean())
    excess = bad.mul(late - usual, axis="index").groupby(depot).sum()
    return four_groups(shrunk(excess, bad.groupby(depot).sum()))
    ### END SOLUTION


# %%
groups = group_depots(parcels)
for number in sorted(set(groups.values())):
    print(number, *(depot for depot in groups if groups[depot] == number))

# %%
# %check groups_depots_by_cause

# %% [markdown]
# Done? Then one page for the operations director, without the word *model*: what you would change
# on Monday, what it saves in a month, what it cannot know, and how anybody would notice that it
# has stopped working.
