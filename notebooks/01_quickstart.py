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
# # Quickstart: is the predicted connectome right?
#
# A synapse detector found most synapses. Are the *connections* right? We ask that of a phantom: a small volume of
# neuropil with known synapses and a prediction with known errors. Nothing needs to be downloaded.

# %%
import connectograph as cg

phantom = cg.synthetic.make_phantom("small", rng=1)
phantom.segmentation.shape, phantom.segmentation.voxel_size

# %% [markdown]
# Arrays are (z, y, x); voxel sizes are nanometres in the same order. A `Volume` holds both.
#
# ## One call
#
# `evaluate` finds which segments each synapse joins, builds the true and the predicted connectome, and compares them
# edge by edge. What it left out is counted beside the score.

# %%
ev = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted)
ev

# %%
ev.edges.precision, ev.edges.recall, ev.edges.f1

# %% [markdown]
# ## Which connections are wrong, and where?
#
# One row for each pair of segments that either connectome joins. Positions are nanometres.

# %%
wrong = ev.edge_outcomes[ev.edge_outcomes["outcome"] != "tp"]
wrong.head()

# %% [markdown]
# ## The graphs are plain networkx graphs
#
# Nodes are segment ids; every kept segment is a node, connected or not.

# %%
truth, predicted = ev.truth_graph, ev.predicted_graph
hubs = sorted(truth.nodes, key=truth.degree, reverse=True)[:5]
[(hub, truth.degree(hub), predicted.degree(hub)) for hub in hubs]

# %% [markdown]
# ## Step by step
#
# `evaluate` is nothing but these stages; each can be called alone.

# %%
synapses = cg.label_synapses(phantom.truth)
contacts = cg.find_synapse_contacts(phantom.segmentation, synapses, dilation=1)
links = cg.assign_partners(contacts, rule="all-pairs")
edges = cg.build_edges(links)
edges.head()

# %%
cg.compare_edges(edges, ev.tables["edges_predicted"]) == ev.edges

# %% [markdown]
# ## A picture
#
# Plots take numbers, draw onto matplotlib's Axes and return it. Most neurons have more partners in the prediction
# than in the truth: they lie above the line.

# %%
import matplotlib.pyplot as plt

from connectograph.plots import plot_degrees

ax = plot_degrees(ev.edge_outcomes, ax=plt.figure(figsize=(5.5, 4), layout="constrained").add_subplot())
# %% [markdown]
# ## Keep it
#
# `write` leaves a run directory: `report.pdf`, `report.html`, tables, graphs, and what is needed to reproduce it.

# %%
import tempfile
from pathlib import Path

folder = Path(tempfile.mkdtemp()) / "run"
ev.write(folder)
sorted(path.name for path in folder.iterdir())
