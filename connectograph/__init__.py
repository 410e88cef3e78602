"""How good is this predicted connectome, and why?

connectograph takes a neuron segmentation, ground-truth synapses and predicted synapses, finds which segments each
synapse joins, assembles the connectome of either, and compares them edge by edge.

>>> import connectograph as cg
>>> phantom = cg.synthetic.make_phantom("small", rng=0)
>>> ev = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted)
>>> 0 < ev.edges.f1 < 1
True

Conventions: arrays are (z, y, x); lengths are nanometres; ids are unsigned 64-bit integers; arguments are
(truth, predicted). Names load their module when they are first used.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
