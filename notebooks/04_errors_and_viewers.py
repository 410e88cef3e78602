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
# # Errors and viewers: from a number to the place
#
# A score says how many connections are wrong. What helps is to look at them: which first, where, and in the viewer that
# is open anyway. Again on a phantom, written as the files a laboratory would have: segmentation and true clefts,
# electron microscopy, and a prediction.

# %%
import os
import tempfile

import matplotlib.pyplot as plt

import connectograph as cg

os.chdir(tempfile.mkdtemp())
phantom = cg.synthetic.make_phantom("small", rng=1)
cg.write_volume("phantom.hdf", phantom.segmentation, dataset="volumes/labels/neuron_ids")
cg.write_volume("phantom.hdf", phantom.truth, dataset="volumes/labels/clefts")
cg.write_volume("phantom.hdf", phantom.raw, dataset="volumes/raw")
cg.write_volume("prediction.hdf", phantom.predicted, dataset="volumes/labels/clefts")

ev = cg.evaluate("phantom.hdf", predicted="prediction.hdf", raw="phantom.hdf:volumes/raw", min_segment_voxels=1000)
ev.edges, ev.edges.f1

# %% [markdown]
# ## The error table
#
# Every missed and every false connection, the costliest first: most synapses, then most voxels. Positions are given in
# nanometres and in voxels; ids are written with all their digits.

# %%
errors = ev.errors
ev.show_errors(most=8)

# %% [markdown]
# It is a pandas table. What is wrong most often?

# %%
errors.groupby(["outcome", "cause"]).size().unstack(fill_value=0)

# %% [markdown]
# The false connections are no invented synapses for the most part: the synapses are true, and have been given partners
# that they do not have (`wrong_partner`), because a prediction that is grown, shifted or merged
# with its neighbour reaches a third neuron.
#
# What does the neuron with most connections miss?

# %%
hub = max(ev.truth_graph, key=ev.truth_graph.degree)
missed = errors.query("outcome == 'fn' and (source == @hub or target == @hub)")
missed[["source", "target", "n_synapses", "cause", "z", "y", "x"]].round(1)

# %% [markdown]
# ## The worst errors, seen
#
# Three sections around the worst error of each kind: true synapses in yellow, predicted ones dashed in blue, the two
# neurons with a solid and a dotted line. Above, predictions lie on the border of both neurons that no true synapse
# shares. Below, the dark clefts between the two are outlined in yellow only: nobody predicted them. Every report has
# such a gallery; here the pieces are cut by hand.

# %%
from connectograph.evaluation.crops import cut_crops
from connectograph.plots import plot_crop

crops = cut_crops(ev)
worst = ev.report["worst_errors"]
chosen = [next(k for k, error in enumerate(worst) if error["outcome"] == kind) for kind in ("fp", "fn")]
figure, axes = plt.subplots(2, 1, figsize=(8, 6), layout="constrained")
for ax, k in zip(axes, chosen, strict=True):
    crop = {name: part if name == "step" else part[k] for name, part in crops.items()}
    plot_crop(crop, voxel_size=phantom.segmentation.voxel_size, ax=ax)
    ax.set_title("{outcome}: {source} and {target}, {cause}".format(**worst[k]), fontsize=9, pad=14)

# %% [markdown]
# ## In a viewer
#
# Viewers show runs on disk. `export_run` writes what each of them opens: volumes, errors, links.
#
# ### neuroglancer
#
# Layers (raw, segmentation, true and predicted synapses, errors), one state that holds all errors and one for each, and
# a script that serves the folder from your machine: `python run/neuroglancer/serve.py`. Nothing is uploaded.

# %%
from connectograph.evaluation import export_run

ev.write("run", reports=False)
folder = export_run("run", "neuroglancer", max_errors=20)
sorted(path.name for path in folder.iterdir())

# %%
import json

state = json.loads((folder / "states/1-fp.json").read_text())
for layer in state["layers"]:
    print(layer["type"], layer["name"], layer.get("segments", ""))
print(state["position"], state["layers"][-1]["annotations"][0]["description"])

# %% [markdown]
# ### webKnossos
#
# A dataset that webKnossos imports (or that `connectograph export run webknossos --upload` sends to your server with
# your token), and the errors as an annotation: one tree for each kind, one node with a comment for each error.

# %%
folder = export_run("run", "webknossos", max_errors=20)
print(sorted(path.name for path in (folder / "dataset").iterdir()))
print(*[line for line in (folder / "errors.nml").read_text().splitlines() if "<comment " in line][:3], sep="\n")

# %% [markdown]
# ### napari
#
# A script that reads the run and opens it: `python run/napari/view.py`.

# %%
folder = export_run("run", "napari")
sorted(path.name for path in folder.iterdir())

# %% [markdown]
# ### Any other viewer
#
# A viewer that is opened by an address needs a template: `{x}`, `{y}`, `{z}` in voxels, `{x_nm}`, ... in nanometres,
# `{source}`, `{target}` and `{synapse_id}` are filled in. The same table, with links:

# %%
ev.show_errors(link_template="https://viewer.example/dataset#!{x},{y},{z}?segments={source},{target}", most=3)

# %% [markdown]
# From the command line:
#
#     connectograph export run neuroglancer
#     connectograph export run webknossos --upload
#     connectograph export run napari --link-template "https://..."
