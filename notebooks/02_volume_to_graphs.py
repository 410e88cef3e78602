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
# # From a volume to contacts and graphs
#
# A segmentation says where each neuron is; a second volume says where the clefts are. Who is connected with whom
# follows from the two, in five steps, each of which can be looked at. Nothing needs to be downloaded: a phantom is
# written as the file a laboratory would have. To see your own data, read your own file in the second cell.

# %%
import os
import tempfile

import matplotlib.pyplot as plt
import networkx as nx
import numpy as np
import pandas as pd

import connectograph as cg

os.chdir(tempfile.mkdtemp())
phantom = cg.synthetic.make_phantom("small", rng=1)
cg.write_volume("phantom.hdf", phantom.segmentation, dataset="volumes/labels/neuron_ids")
cg.write_volume("phantom.hdf", phantom.truth, dataset="volumes/labels/clefts")

# %% [markdown]
# ## Read
#
# A `Volume` is an array (z, y, x) with a voxel size in nanometres. What a file holds is read when it is needed, block
# by block, so that a volume may be larger than the memory.

# %%
segmentation = cg.read_volume("phantom.hdf", role="segmentation")
clefts = cg.read_volume("phantom.hdf", role="truth")
segmentation.shape, segmentation.voxel_size

# %% [markdown]
# One section, clefts outlined. They lie where two neurons meet.

# %%
from connectograph.plots import plot_slices

section = np.s_[20:21, :, :]
planes = {name: volume.labels[section][0] for name, volume in {"segmentation": segmentation, "truth": clefts}.items()}
planes["truth"] = np.where(planes["truth"] == 2**64 - 1, 0, planes["truth"])  # CREMI's background
figure, ax = plt.subplots(figsize=(5.5, 5.5))
ax.set_title("section 20")
ax = plot_slices(planes, voxel_size=segmentation.voxel_size[1:], ax=ax)
# %% [markdown]
# ## 1. Segments: the nodes
#
# Every label is measured. Fragments below a size limit (or excluded by id: glia, vessels) stay in the table, with the
# reason, and become no nodes.

# %%
segments = cg.select_segments(segmentation, min_segment_voxels=1000)
segments["status"].value_counts().to_frame()

# %%
segments.sort_values("n_voxels", ascending=False).head(3)

# %% [markdown]
# ## 2. Synapses
#
# Instance labels, a mask, or a heat map with a threshold: whatever the file holds becomes synapses with ids.

# %%
synapses = cg.label_synapses(clefts)
cg.measure_synapses(synapses)[["synapse_id", "n_voxels", "z_nm", "y_nm", "x_nm"]].head(3)

# %% [markdown]
# ## 3. Contacts: where a synapse finds two segments
#
# A cleft often lies in neither neuron, so segments reach into it by the *dilation*. Without it a voxel is in one
# segment only, and no synapse finds two. With more of it bystanders are found too: more pairs for each synapse.

# %%
reach = {n: cg.find_synapse_contacts(segmentation, synapses, dilation=n, segments=segments) for n in (0, 1, 2, 3)}
pd.DataFrame(
    {"synapses with a contact": found["synapse_id"].nunique(), "contacts": len(found)} for found in reach.values()
).set_index(pd.Index(reach, name="dilation"))

# %%
contacts = reach[1]
contacts.head(3)

# %% [markdown]
# ### The contactome
#
# The same over the whole volume, synapse or not: every pair of neurons that touch, and the area that they share. It is
# what a connectome is chosen from.

# %%
contactome = cg.find_contacts(segmentation, dilation=1, segments=segments)
contactome.nlargest(3, "area_nm2")

# %% [markdown]
# ## 4. Partners: which contacts are links
#
# `all-pairs` believes every contact, `top-pair` the largest of each synapse. Neither says which side is presynaptic:
# the graph is undirected. (Directed rules take annotated points, or masks of both sides.)

# %%
links = cg.assign_partners(contacts, rule="all-pairs")
len(links), len(cg.assign_partners(contacts, rule="top-pair"))

# %% [markdown]
# ## 5. Edges and graph
#
# Links of the same pair are summed. The graph is a plain networkx graph with every kept segment as a node, connected or
# not; nodes and edges carry their place and size.

# %%
edges = cg.build_edges(links)
graph = cg.build_graph(edges, segments, name="phantom", voxel_size=segmentation.voxel_size)
print(graph)

# %%
hub = max(graph, key=graph.degree)
hub, graph.degree(hub), graph.nodes[hub]

# %% [markdown]
# Everything that networkx knows can be asked. Two of three neurons hang together in one component; others have no
# synapse within this small volume.

# %%
components = sorted(nx.connected_components(graph), key=len, reverse=True)
largest = graph.subgraph(components[0])
{
    "neurons in the largest component": len(largest),
    "neurons alone": sum(len(each) == 1 for each in components),
    "steps between two neurons, mean": round(nx.average_shortest_path_length(largest), 2),
}

# %% [markdown]
# Each neuron at its place, seen along z: grey lines for neurons that touch, black ones for those that a synapse
# connects (wider for more synapses), the hub and its partners in colour.

# %%
from connectograph.plots import COLOURS

touching = nx.Graph()
touching.add_edges_from(contactome[["segment_a", "segment_b"]].itertuples(index=False, name=None))
place = {node: (data["x_nm"] / 1000, data["y_nm"] / 1000) for node, data in graph.nodes(data=True)}
colour = [COLOURS["fp" if node == hub else "predicted" if node in graph[hub] else "tp_matrix"] for node in graph]
size = [5 * graph.nodes[node]["n_voxels"] ** (1 / 3) for node in graph]
width = [n_synapses for *_, n_synapses in graph.edges(data="n_synapses")]

figure, ax = plt.subplots(figsize=(7, 7))
nx.draw_networkx_edges(touching, place, ax=ax, edge_color=COLOURS["rule"], width=0.5)
nx.draw_networkx_edges(graph, place, ax=ax, edge_color=COLOURS["ink"], width=width)
nx.draw_networkx_nodes(
    graph, place, ax=ax, node_color=colour, node_size=size, edgecolors=COLOURS["ink"], linewidths=0.5
)
ax.set(aspect="equal", xlabel="x (µm)", ylabel="y (µm)", title=f"{len(graph)} neurons, {graph.size()} connections")
ax.tick_params(left=True, bottom=True, labelleft=True, labelbottom=True)
ax.invert_yaxis()

# %% [markdown]
# ## Does contact make connection?
#
# Few of the pairs that touch are connected, and large contacts are connected more often: share of connected pairs in
# four equal groups of pairs, from the smallest contacts to the largest.

# %%
connected = pd.MultiIndex.from_frame(contactome[["segment_a", "segment_b"]]).isin(
    pd.MultiIndex.from_frame(edges[["source", "target"]])
)
quarter = pd.qcut(contactome["area_nm2"] / 1e6, 4, precision=3).rename("shared area (µm²)")
pd.Series(connected, name="connected").groupby(quarter, observed=True).agg(["size", "mean"]).round(3)

# %% [markdown]
# ## As a matrix
#
# Numbers of synapses as a sparse matrix, for whatever works on matrices. Rows and columns are neurons by depth here:
# connections keep close to the diagonal, because partners are neighbours.

# %%
nodes = np.array(sorted(graph), "uint64")
matrix = cg.adjacency(edges, nodes)
rows = np.argsort([graph.nodes[node]["z_nm"] for node in nodes.tolist()])
figure, ax = plt.subplots(figsize=(5, 5))
ax.spy(matrix[rows][:, rows], markersize=3, color=COLOURS["ink"])
ax.set(xlabel="neuron, from the top of the volume", ylabel="neuron, from the top of the volume")
ax.xaxis.set_label_position("top")
matrix

# %% [markdown]
# ## Is it right?
#
# A phantom knows its answer: the pairs on which its clefts were planted. All of them are found (but for fragments below
# the size limit, which are no nodes); the few others are third neurons that come close to a cleft.

# %%
pair = ["segment_a", "segment_b"]
answer = phantom.planted[phantom.planted[pair].isin(list(graph)).all(axis=1)]
planted = pd.MultiIndex.from_frame(answer[pair]).unique()
found = pd.MultiIndex.from_frame(edges[["source", "target"]], names=pair)
{
    "planted and found": len(planted.intersection(found)),
    "planted, not found": len(planted.difference(found)),
    "found, not planted": len(found.difference(planted)),
}
