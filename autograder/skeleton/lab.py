# %% [markdown]
# # {{title}}
#
# Read the brief in `README.md` first. The next cell is given.

# %%
import json
from pathlib import Path

depots = json.loads(Path("depots.json").read_text())
scans = json.loads(Path("scans.json").read_text())

# %% [markdown]
# ## B. Yours


# %%
def counts(scans, depots):
    """Return the number of scans of every depot."""
    ### BEGIN SOLUTION: count, beginning with every depot at zero
    found = dict.fromkeys(depots, 0)
    for depot in scans:
        found[depot] += 1
    return found
    ### END SOLUTION


# %%
# %check each_depot_is_counted


# %%
def ranking(scans, depots):
    """Return the depots, busiest first; those with the same count by name."""
    ### BEGIN SOLUTION: sort by count, then by name
    found = counts(scans, depots)
    return sorted(depots, key=lambda depot: (-found[depot], depot))
    ### END SOLUTION


# %%
# %check the_busiest_comes_first


# %%
def shares(scans, depots):
    """Return each depot's share of all scans, 0.0 in a night without any."""
    ### BEGIN SOLUTION: divide by all scans, if there are any
    found = counts(scans, depots)
    return {depot: found[depot] / len(scans) if scans else 0.0 for depot in depots}
    ### END SOLUTION


# %%
# %check shares_add_up


# %%
def quiet(yesterday, tonight, depots):
    """Return the depots that scanned yesterday and not tonight, by name."""
    ### BEGIN SOLUTION: compare the two nights
    before, now = counts(yesterday, depots), counts(tonight, depots)
    return sorted(depot for depot in depots if before[depot] and not now[depot])
    ### END SOLUTION


# %%
# %check quiet_depots_are_named
