"""Phantoms with known answers: made-up neuropil, synapses and predictions, for tests, benchmarks and the demo.

Everything here is a function of its arguments and of ``rng`` (a seed or a ``numpy.random.Generator``); nothing touches
disk.

>>> from connectograph.synthetic import make_phantom
>>> phantom = make_phantom((8, 100, 100), n_segments=20, n_synapses=10, rng=0)
>>> len(phantom.planted["synapse_id"].unique())
10
"""

from connectograph.synthetic.images import render_heatmap, render_raw
from connectograph.synthetic.perturb import perturb_synapses
from connectograph.synthetic.phantom import Phantom, make_phantom
from connectograph.synthetic.plant import plant_synapses
from connectograph.synthetic.segment_errors import plant_errors
from connectograph.synthetic.segmentation import make_segmentation
from connectograph.synthetic.sites import plant_sites

__all__ = [
    "Phantom", "make_phantom", "make_segmentation", "perturb_synapses", "plant_errors", "plant_sites",
    "plant_synapses", "render_heatmap", "render_raw",
]  # fmt: skip
