"""Numbers to pictures: every function takes tables or numbers, draws onto an Axes and returns it.

Conventions: ``plot_x(result, *, ax=None) -> Axes``; without `ax` a new figure is made, never pyplot's current one. What
is drawn can be read back from the artists, whose labels name the outcome or the side.

Functions: :func:`plot_adjacency`, :func:`plot_causes`, :func:`plot_crop`, :func:`plot_degrees`, :func:`plot_fixes`,
:func:`plot_motifs`, :func:`plot_neurons`, :func:`plot_neuron_distribution`, :func:`plot_overlap`,
:func:`plot_pairs_per_synapse`, :func:`plot_places`, :func:`plot_precision_recall`, :func:`plot_rule`,
:func:`plot_slices`, :func:`plot_strata`, :func:`plot_thresholds`, :func:`plot_weights`.
"""

from connectograph.plots.adjacency import plot_adjacency
from connectograph.plots.causes import CAUSE_WORDS, plot_causes, plot_fixes
from connectograph.plots.crops import plot_crop
from connectograph.plots.curves import plot_precision_recall
from connectograph.plots.degrees import count_degrees, plot_degrees
from connectograph.plots.motifs import TRIAD_ARROWS, plot_motifs
from connectograph.plots.neurons import plot_neuron_distribution, plot_neurons
from connectograph.plots.places import plot_places
from connectograph.plots.rules import EXAMPLE_LINKS, plot_rule
from connectograph.plots.slices import plot_slices
from connectograph.plots.style import COLOURS, MARKS, OUTCOMES, house_style
from connectograph.plots.synapses import bin_pairs, plot_overlap, plot_pairs_per_synapse
from connectograph.plots.thresholds import plot_thresholds
from connectograph.plots.weights import count_weights, plot_strata, plot_weights

__all__ = [
    "CAUSE_WORDS",
    "COLOURS",
    "EXAMPLE_LINKS",
    "MARKS",
    "OUTCOMES",
    "TRIAD_ARROWS",
    "bin_pairs",
    "count_degrees",
    "count_weights",
    "house_style",
    "plot_adjacency",
    "plot_causes",
    "plot_crop",
    "plot_degrees",
    "plot_fixes",
    "plot_motifs",
    "plot_neuron_distribution",
    "plot_neurons",
    "plot_overlap",
    "plot_pairs_per_synapse",
    "plot_places",
    "plot_precision_recall",
    "plot_rule",
    "plot_slices",
    "plot_strata",
    "plot_thresholds",
    "plot_weights",
]
