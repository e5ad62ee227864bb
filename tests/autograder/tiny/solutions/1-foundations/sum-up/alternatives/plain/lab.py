# %% [markdown]
# # Sum up
#
# Read the brief in `README.md` first.

# %%
import numpy as np

weights = np.genfromtxt("weights.csv", skip_header=1)

# %% [markdown]
# ## B. The total


# %%
def total(weights):
    """Return the sum of the weights, in kilograms."""
    ### BEGIN SOLUTION: add up; a parcel that was never weighed counts as nothing
    return sum(float(w) for w in weights if w == w)
    ### END SOLUTION


# %%
# %check adds_up


# %%
def heaviest(weights, count):
    """Return the `count` largest weights, largest first."""
    ### BEGIN SOLUTION: sort what is known, largest first, and cut
    known = weights[~np.isnan(weights)]
    return np.array(sorted(known, reverse=True)[:count])
    ### END SOLUTION


# %%
# %check heaviest_first


# %%
def over(weights, limit):
    """Return the places of the parcels that are over `limit`."""
    ### BEGIN SOLUTION: compare and find the places
    return np.flatnonzero(weights > limit)
    ### END SOLUTION


# %%
# %check over_the_limit


# %%
def report(weights):
    """Return the mean of what was weighed; 0.0 on an empty day."""
    ### BEGIN SOLUTION: mind the empty day
    if not len(weights):
        return 0.0
    return total(weights) / len(weights[~np.isnan(weights)])
    ### END SOLUTION


# %%
# %check survives_an_empty_day
