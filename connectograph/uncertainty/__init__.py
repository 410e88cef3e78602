"""How sure is a score? Intervals and paired tests that know that edges share neurons.

The outcomes of the edges of one neuron fall together (its cytoplasm is dark, it was merged, its image is blurred), so
edges must not be counted as independent: where neurons differ, an interval that does so holds the true value in half
to four fifths of the cases instead of 95 %. Here the variance is summed over neurons, as source and as target.

Conventions: arguments are (truth, predicted); below 30 neurons there is no interval, with the reason; an interval is
for neurons like those at hand: another piece of tissue may differ by more.

Functions: :func:`ratio_interval`, :func:`edge_intervals`, :func:`paired_test`, :func:`node_jackknife`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
