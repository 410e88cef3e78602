# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Why edges are wrong, and what to fix first
#
# In production a prediction comes with a segmentation of its own. A connection can then be wrong because a synapse was
# missed or invented, or because a neuron was split or run into another. Which is it, what does it cost, and where
# should proofreading begin?
#
# The volumes are a corner of FIB-25, the fly medulla (Takemura et al. 2015): proofread neurons, and what a
# flood-filling network made of the same voxels (Januszewski et al. 2018). Clefts are planted on contacts between true
# neurons. Where the data are not present, a phantom with planted splits and merges takes their place.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

import connectograph as cg
from connectograph.plots import plot_causes, plot_fixes
from connectograph.synthetic import make_segmentation, plant_errors, plant_synapses

file = Path(cg.__file__).resolve().parents[2] / "shared/data/fib25/labels_250x250x250.npz"
if file.exists():
    with np.load(file) as arrays:
        true, predicted = (cg.Volume(arrays[key][:80, :110, :110], (10, 10, 10)) for key in ("gt", "ffn"))
else:
    true = make_segmentation((16, 96, 96), n_segments=40, voxel_size=(40, 8, 8), rng=0)
    predicted, _ = plant_errors(true, splits=12, merges=6, rng=0)
clefts, _ = plant_synapses(true, n_synapses=50, radius_nm=(20, 50), rng=0)

# %% [markdown]
# ## Two segmentations
#
# The same plane of both, in colours that say nothing but "different segment".

# %%
fig, axes = plt.subplots(1, 2, figsize=(8, 4), layout="constrained")
for ax, volume, title in zip(axes, (true, predicted), ("true segments", "predicted segments"), strict=True):
    plane = np.asarray(volume.labels[12])
    number = np.unique(plane, return_inverse=True)[1].reshape(plane.shape)
    ax.imshow(0.618 * number % 1, cmap="hsv", vmin=0, vmax=1, interpolation="nearest")  # neighbours in id differ most
    ax.set_title(f"{title} (plane 12): {number.max() + 1}")
    ax.set_axis_off()

# %% [markdown]
# ## How far they agree
#
# Segments are matched one to one, so that the pairs share as many voxels as possible. Variation of information says
# how much of the disagreement is splits and how much merges, in bits; neural reconstruction integrity (NRI) looks at
# synapses only: are two synapse ends on one neuron still on one segment?

# %%
ev = cg.evaluate(true, truth=clefts, predicted=clefts, predicted_segmentation=predicted)
matching = ev.report["segmentation_matching"]
{
    "segments matched": matching["n_matched"],
    "true segments without a match": matching["n_unmatched_truth"],
    "predicted segments without a match": matching["n_unmatched_predicted"],
    "VI split": round(matching["vi_split"], 3),
    "VI merge": round(matching["vi_merge"], 3),
    "NRI": round(matching["nri"]["nri"], 3),
}

# %% [markdown]
# The largest mistakes by name. All of this can be had without an evaluation, from the two volumes alone:

# %%
overlaps = cg.count_overlaps(true, predicted)
agreement = cg.compare_segmentations(overlaps)
assert agreement.vi_split == matching["vi_split"]
matching["largest_splits"][:2], matching["largest_merges"][:2]

# %% [markdown]
# ## Why connections are wrong
#
# The synapses are the true ones here, so that whatever is wrong comes from the segmentation. Every wrong connection
# has one cause, that of most of its wrong links, and the numbers add up to all false and missed connections.

# %%
print(ev.edges, f"F1 {ev.edges.f1:.3f}")
wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
assert len(wrong) == ev.edges.fp + ev.edges.fn
wrong.groupby(["outcome", "cause"]).size().rename("connections").to_frame()

# %%
fig, ax = plt.subplots(figsize=(7, 2.6), layout="constrained")
plot_causes(ev.report["causes"]["edges"], ax=ax)
# %% [markdown]
# ## What each source costs
#
# Now a prediction whose synapses are wrong, too: every fifth is missed. The lost F1 is shared between synapses, their
# partners and the segmentation by Shapley values: the mean gain from mending a source over all orders of mending. The
# shares add up to the loss exactly.

# %%
found = np.array(clefts.labels, "uint64")
ids = np.setdiff1d(found, cg.volumes.BACKGROUND)
found[np.isin(found, ids[::5]) | np.isin(found, cg.volumes.BACKGROUND)] = 0
both = cg.evaluate(true, truth=clefts, predicted=cg.Volume(found, clefts.voxel_size), predicted_segmentation=predicted)
blame = both.report["blame"]
assert abs(sum(blame["parts"].values()) - blame["loss"]) < 1e-12
{"F1": round(blame["actual"], 3), "lost": round(blame["loss"], 3)} | {k: round(v, 3) for k, v in blame["parts"].items()}

# %% [markdown]
# ## What to fix first
#
# Single fixes, each the one that gains most after those before it: merge a segment into that of its neuron, cut off
# what lies in another one, add a synapse, delete one. F1 after every fix is exact, and the table says where to look.

# %%
fixes = both.tables["fixes"]
columns = ["kind", "synapse_id_truth", "predicted_segment", "into_segment", "gain", "f1", "z_nm", "y_nm", "x_nm"]
fixes[columns].head(8)

# %%
fig, ax = plt.subplots(figsize=(7, 3), layout="constrained")
plot_fixes(fixes, start=both.edges.f1, ax=ax)
# %% [markdown]
# Is it so? The first merges and splits are made in the volume, which is then evaluated from the start. (The fixes are
# those of the prediction with all synapses, as only segments are mended here.)

# %%
first = ev.tables["fixes"].head(10)
mended = cg.mend_segments(true, predicted, first)
again = cg.evaluate(true, truth=clefts, predicted=clefts, predicted_segmentation=mended)
assert again.edges.f1 == first["f1"].iloc[-1]
print(f"F1 {ev.edges.f1:.3f}; promised after {len(first)} fixes {first['f1'].iloc[-1]:.3f}, found {again.edges.f1:.3f}")

# %% [markdown]
# ## Where
#
# The synapses of the first fixes, seen from above. `ev.write(folder)` puts all of this on the pages "Two
# segmentations", "Why connections are wrong" and "What to fix first" of a report.

# %%
fig, ax = plt.subplots(figsize=(4.6, 4.2), layout="constrained")
some = fixes.head(20)
for kind, rows in some.groupby("kind"):
    ax.scatter(rows["x_nm"] / 1000, rows["y_nm"] / 1000, s=2000 * rows["gain"] + 10, label=kind, alpha=0.7)
ax.set(xlabel="x (µm)", ylabel="y (µm)", title="the first 20 fixes; area: gain in F1", aspect="equal")
ax.invert_yaxis()
_ = ax.legend(loc="center left", bbox_to_anchor=(1, 0.5))
