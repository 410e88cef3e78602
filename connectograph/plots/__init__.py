"""Numbers to pictures: every function takes tables or numbers, draws onto an Axes and returns it.

Conventions: ``plot_x(result, *, ax=None) -> Axes``; without `ax` a new figure is made, never pyplot's current one. What
is drawn can be read back from the artists, whose labels name the outcome or the side.

Functions: :func:`plot_adjacency`, :func:`plot_degrees`, :func:`plot_overlap`, :func:`plot_pairs_per_synapse`,
:func:`plot_slices`.
"""

from connectograph.plots.adjacency import plot_adjacency
from connectograph.plots.degrees import count_degrees, plot_degrees
from connectograph.plots.slices import plot_slices
from connectograph.plots.style import COLOURS, MARKS, OUTCOMES, house_style
from connectograph.plots.synapses import bin_pairs, plot_overlap, plot_pairs_per_synapse

__all__ = [
    "COLOURS",
    "MARKS",
    "OUTCOMES",
    "bin_pairs",
    "count_degrees",
    "house_style",
    "plot_adjacency",
    "plot_degrees",
    "plot_overlap",
    "plot_pairs_per_synapse",
    "plot_slices",
]
