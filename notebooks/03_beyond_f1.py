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
# # Beyond F1: what a score hides
#
# Five predictions of one connectome, all with the same F1. One has lost its hubs, one its strong connections, one its
# weak ones, one has some arrows the wrong way round. Which measures tell them apart? And how good is good enough?
#
# The yardstick is biological: the brain of a fly larva has two hemispheres, the same circuit twice (Winding et al.
# 2023, Pedigo et al. 2023). No prediction needs to agree with one of them better than the other does. Where the data
# are not present, a circuit and its twin are drawn instead; the numbers named in the text are those of the larva.

# %%
from pathlib import Path

import networkx as nx
import numpy as np
import pandas as pd

import connectograph as cg

rng = np.random.default_rng(1)


def draw_circuit(rates):
    """A connectome whose numbers of synapses are drawn with given rates."""
    synapses = rng.poisson(rates)
    graph = nx.DiGraph()
    graph.add_nodes_from(range(1, len(rates) + 1))
    graph.add_edges_from(
        (i + 1, j + 1, {"n_synapses": int(synapses[i, j])}) for i, j in np.argwhere(synapses) if i != j
    )
    return graph


def draw_twins(n=300, n_synapses=10_000):
    """The same circuit twice: heavy-tailed degrees, and pairs that like each other in both directions."""
    liking = rng.normal(size=(n, n))
    sender, receiver = rng.normal(0, 0.7, (2, n))
    rates = np.exp(sender[:, None] + receiver + liking + liking.T)
    rates *= n_synapses / rates.sum()
    return draw_circuit(rates), draw_circuit(rates)


data = Path(cg.__file__).resolve().parents[2] / "shared/data/larva_left_right"
if data.exists():
    left, right, match = data / "left_edges.csv", data / "right_edges.csv", data / "left_nodes.csv"
else:
    (left, right), match = draw_twins(), None

# %% [markdown]
# ## The yardstick
#
# `match` names the mirror neuron of each neuron; the right hemisphere is then compared under the left one's ids.

# %%
twins = cg.compare_connectomes(left, right, directed=True, match=match)
twins.edges, twins.edges.f1

# %% [markdown]
# Only half of the connections of the left hemisphere are found on the right (F1 0.51). Most of the others are single
# synapses: with more synapses to a connection the two sides agree better, up to a point.

# %%
both = cg.align(twins.tables["edges_truth"], twins.tables["edges_predicted"], directed=True)
pd.DataFrame([{"synapses at least": score.k, **score.edges.to_dict()} for score in cg.compare_thresholds(both)])

# %% [markdown]
# ## Five predictions, one F1
#
# Each of the first four misses a quarter of the connections of the left hemisphere and invents none. The fifth finds
# them all, but some with sender and receiver exchanged.

# %%
truth = twins.tables["edges_truth"].query("source != target").reset_index(drop=True)
ends = [truth[end].map(truth[end].value_counts()).to_numpy() for end in ("source", "target")]
weight = truth["n_synapses"].to_numpy()


def lose_first(order):
    """The truth without the quarter of its connections that comes first."""
    return truth[order.argsort().argsort() >= len(truth) // 4]


chance = rng.random(len(truth))
turned = truth["source"].where(chance > 0.16, truth["target"]), truth["target"].where(chance > 0.16, truth["source"])
predictions = {
    "random": lose_first(chance),
    "hubs": lose_first(chance / (ends[0] * ends[1])),
    "strong": lose_first(chance / weight),
    "weak": lose_first(chance * weight),
    "turned": truth.assign(source=turned[0], target=turned[1]).groupby(["source", "target"], as_index=False).sum(),
    "other hemisphere": twins.tables["edges_predicted"],
}
aligned = {name: cg.align(truth, edges, directed=True) for name, edges in predictions.items()}

# %% [markdown]
# The intervals know that connections share neurons. Lost hubs are few neurons with many errors: the same F1 is far less
# certain there than where losses are spread evenly.

# %%
intervals = {name: cg.edge_intervals(pair) for name, pair in aligned.items()}
pd.DataFrame(
    {
        name: {"precision": found.precision.value, "recall": found.recall.value}
        | {"F1": found.f1.value, "F1 from": found.f1.lower, "F1 to": found.f1.upper}
        for name, found in intervals.items()
    }
).T.round(3)

# %% [markdown]
# Is one of two predictions better? `paired_test` asks about the difference, in which everything that both find or miss
# alike cancels. By F1, nobody can say which of these two to use:

# %%
from connectograph.uncertainty import paired_test

paired_test(truth, predictions["weak"], predictions["strong"], directed=True).f1

# %% [markdown]
# ## What F1 hides
#
# | measure | asks |
# |---|---|
# | Ruzicka | how much of the synapses of both, pair by pair, is common? |
# | weight correlation | are strong connections strong? |
# | degree slope | do hubs stay hubs (1), or are they cut down (below 1)? |
# | hubs | how many of the tenth with most connections are the same? |
# | top 5 | how many of the five strongest targets of a neuron are the same? |
# | worst tenth | F1 of a neuron that is worse than nine of ten |
# | reciprocity | share of connections that are answered, prediction / truth |
# | feed-forward | log2 of the number of feed-forward loops (030T), prediction / truth |
# | mutual triangles | log2 of the number of triangles with all six connections (300) |

# %%
from connectograph.degrees import summarise_scores


def describe(pair, motifs):
    """What F1 does not say about a prediction."""
    weights, degrees = cg.compare_weights(pair), cg.compare_degrees(pair)
    triads = motifs.census.set_index("motif")["log2_ratio"]
    neurons = summarise_scores(cg.score_neurons(pair)).set_index("role")
    top = next(overlap for overlap in degrees.overlaps if (overlap.role, overlap.k) == ("out", 5))
    return {
        "F1": cg.compare_edges(pair).f1,
        "Ruzicka": weights.ruzicka,
        "weight correlation": weights.spearman,
        "degree slope": degrees.agreement().slope,
        "hubs": degrees.agreement().hub_jaccard,
        "top 5": top.mean,
        "worst tenth": neurons.loc["total", "p10"],
        "reciprocity": motifs.ratios["reciprocity"],
        "feed-forward": triads["030T"],
        "mutual triangles": triads["300"],
    }


motifs = {name: cg.compare_motifs(pair, quick=True) for name, pair in aligned.items()}
summary = pd.DataFrame({name: describe(pair, motifs[name]) for name, pair in aligned.items()}).T
summary.round(2)

# %% [markdown]
# Read it by columns. F1 is the same for the five predictions; nearly nothing else is.
#
# - *hubs*: the slope falls to 0.8, and half of the hubs are others.
# - *strong*: it has lost more than half of the synapses; weights no longer agree at all.
# - *weak* looks best nearly everywhere: what is lost is what the two hemispheres do not share either.
# - *turned*: undirected, it would be perfect; the arrows have cost a quarter of the reciprocity and more of the mutual
#   triangles.
# - The *other hemisphere* has the worst F1 of all and the best reciprocity and triangles. It is another sample of the
#   same circuit; the predictions are damaged copies of one sample. F1 cannot see the difference.
#
# ## Which connections suffer?
#
# Recall by the number of synapses of the true connection: one, two, three or four, five to nine, and so on. Who trusts
# only connections of ten synapses or more loses next to nothing with *weak*, and nearly all with *strong*.

# %%
recall = {
    name: {f"from {part.lower:.0f}": part.share for part in cg.compare_weights(pair).strata[0].bins}
    for name, pair in aligned.items()
}
pd.DataFrame(recall).T.round(2)

# %% [markdown]
# ## Directions and triangles
#
# Pairs of neurons by how they are connected in the truth (rows) and in the prediction (columns): no pair is lost, but
# arrows are reversed, and mutual pairs became single ones.

# %%
motifs["turned"].dyads

# %% [markdown]
# All sixteen triads are counted exactly; those of three connected neurons are shown. There are as many feed-forward
# loops (030T) as there should be, but only six of ten are the true ones: `recall` and `precision` of the closed triads
# cannot be fooled by errors that cancel out. And there are more than three times too many cycles (030C).

# %%
motifs["turned"].census.set_index("motif").loc["021D":].round(2)

# %%
import matplotlib.pyplot as plt

figure, axes = plt.subplots(figsize=(9, 3.4), layout="constrained")
for k, (name, found) in enumerate(motifs.items()):
    ratios = found.census.set_index("motif").loc["021D":, "log2_ratio"]
    axes.bar(np.arange(len(ratios)) + 0.13 * (k - 2.5), ratios, 0.13, label=name)
axes.set_xticks(range(len(ratios)), ratios.index)
axes.axhline(0, color="black", linewidth=0.8)
axes.set(ylabel="log2 of prediction / truth", xlabel="triad")
legend = axes.legend(ncols=3, frameon=False)
# %% [markdown]
# ## Would the conclusion be the same?
#
# "Feed-forward loops are more frequent than by chance" is a finding about the circuit. By chance means: in random
# graphs with the same degrees and the same number of mutual pairs. Does a prediction lead to the same findings?

# %%
from connectograph.motifs import compare_to_null

findings = compare_to_null(aligned["turned"], rng=np.random.default_rng(0), n=20)
findings.motifs[["motif", "ratio_truth", "ratio_predicted", "finding_truth", "finding_predicted", "preserved"]].round(2)

# %%
{name: compare_to_null(pair, rng=np.random.default_rng(0), n=10).n_preserved for name, pair in aligned.items()}

# %% [markdown]
# ## What to report
#
# Precision and recall apart, at one synapse and at the number that will be used, with their intervals; one number for
# weights (Ruzicka), one for hubs (degree slope), one for directions (reciprocity) and one for triads; the worst tenth
# of the neurons; and a yardstick beside them. `connectograph compare` writes all of it:
#
#     connectograph compare left_edges.csv right_edges.csv --directed --match left_nodes.csv --out runs/left-right
