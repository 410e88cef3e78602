"""Degrees, hubs, strongest partners and components of a prediction against the truth."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph._components import label_components
from connectograph._networkx import nx
from connectograph._notebook import Shown
from connectograph._numbers import divide, explain_missing
from connectograph.degrees.agreement import DegreeAgreement, agree
from connectograph.degrees.partners import PartnerOverlap, list_partners, overlap_partners
from connectograph.degrees.roles import count_up, roles_of, sum_roles
from connectograph.errors import InputError
from connectograph.graphs import AlignedEdges, as_aligned

__all__ = ["PLACES", "DegreeComparison", "compare_degrees"]

PLACES = (5, 10)
"""Strongest partners that are looked at."""


@dataclass(frozen=True)
class DegreeComparison(Shown):
    """Degrees, strongest partners, lost neurons and components of a prediction against the truth.

    Attributes
    ----------
    directed : bool
    n_nodes : int
    agreements : tuple of DegreeAgreement
        One for each role, of degrees and of strengths.
    overlaps : tuple of PartnerOverlap
        One for each role and k = 5, 10.
    n_isolated_truth, n_isolated_predicted, n_isolated_both : int
        Neurons without an edge.
    n_lost, n_gained : int
        Neurons with edges in the truth alone, in the prediction alone.
    wcc_truth, wcc_predicted : int
        Neurons in the largest component, directions ignored.
    scc_truth, scc_predicted : int or None
        Neurons in the largest set within which every one reaches every other along the arrows; None if undirected.

    Examples
    --------
    A ring of four loses one of its arrows: nobody reaches everybody any more:

    >>> ring = nx.DiGraph([(1, 2), (2, 3), (3, 4), (4, 1)])
    >>> found = compare_degrees(ring, nx.DiGraph([(1, 2), (2, 3), (3, 4)]))
    >>> found.wcc_ratio, found.scc_truth, found.scc_predicted, found.agreement("out").mean_predicted
    (1.0, 4, 1, 0.75)
    """

    directed: bool
    n_nodes: int
    agreements: tuple[DegreeAgreement, ...]
    overlaps: tuple[PartnerOverlap, ...]
    n_isolated_truth: int
    n_isolated_predicted: int
    n_isolated_both: int
    n_lost: int
    n_gained: int
    wcc_truth: int
    wcc_predicted: int
    scc_truth: int | None
    scc_predicted: int | None

    @property
    def wcc_ratio(self) -> float:
        """Largest component, predicted / truth."""
        return divide(self.wcc_predicted, self.wcc_truth)

    @property
    def scc_ratio(self) -> float:
        """Largest strongly connected component, predicted / truth; NaN if undirected."""
        return divide(self.scc_predicted or 0, self.scc_truth or 0)

    def agreement(self, role: str = "total", measure: str = "degree") -> DegreeAgreement:
        """The agreement of one role and measure."""
        for found in self.agreements:
            if (found.role, found.measure) == (role, measure):
                return found
        known = sorted({(found.role, found.measure) for found in self.agreements})
        raise InputError(f"There is no agreement of role {role!r} and measure {measure!r}; there are {known}.")

    def to_dict(self) -> dict[str, Any]:
        """Everything; an undefined number is None with its reason beside it.

        Examples
        --------
        >>> compare_degrees(nx.Graph(), nx.Graph()).to_dict()["wcc_ratio_reason"]
        'there is no neuron'
        """
        undirected = "the graphs are undirected"
        result = explain_missing(
            {**vars(self), "wcc_ratio": self.wcc_ratio, "scc_ratio": self.scc_ratio},
            {"wcc_ratio": "there is no neuron", "scc_ratio": "there is no neuron" if self.directed else undirected},
        )
        if not self.directed:
            result |= {"scc_truth_reason": undirected, "scc_predicted_reason": undirected}
        result["agreements"] = [agreement.to_dict() for agreement in self.agreements]
        result["overlaps"] = [overlap.to_dict() for overlap in self.overlaps]
        return result


def compare_degrees(
    truth: nx.Graph | pd.DataFrame | AlignedEdges, predicted: nx.Graph | pd.DataFrame | None = None
) -> DegreeComparison:
    """Bias and slope of degrees, hubs, strongest partners, lost neurons, components.

    Parameters
    ----------
    truth, predicted : networkx.Graph, networkx.DiGraph or edge table
        Or both at once as :class:`~connectograph.graphs.AlignedEdges`.

    Returns
    -------
    DegreeComparison

    Raises
    ------
    InputError
        If one graph is directed and the other is not.

    Notes
    -----
    Formulae: :class:`DegreeAgreement` (limits of agreement: Bland and Altman 1986 [1]_). Overlap of the k strongest
    partners of a neuron: each partner has a share in the k places, 1 above the last place, the rest divided equally
    among those that tie for it; overlap = sum min(share, share') / max(sum share, sum share'), which is
    \\|T & T'\\| / k without ties and with k partners or more. Neurons isolated in both graphs are left out everywhere,
    because a volume's many fragments without synapses would otherwise pass for agreement. O(edges log edges).

    References
    ----------
    .. [1] J. M. Bland and D. G. Altman, Lancet 327, 307-310, 1986.

    Examples
    --------
    >>> star = nx.Graph([(0, i) for i in range(1, 9)])
    >>> comparison = compare_degrees(star, nx.Graph([(0, i) for i in range(1, 5)]))
    >>> comparison.n_lost, comparison.wcc_ratio, round(comparison.agreement().bias, 3)
    (4, 0.5555555555555556, -0.806)
    """
    both = as_aligned(truth, predicted)
    sides = (both.truth > 0, both.predicted > 0)
    degrees = [sum_roles(both, side) for side in sides]
    strengths = [sum_roles(both, weight) for weight in (both.truth, both.predicted)]
    has_truth, has_predicted = (degree["total"] > 0 for degree in degrees)
    connected = has_truth | has_predicted
    wcc = [_largest_weak(both, side) for side in sides]
    scc = [_largest_strong(both, side) if both.directed else None for side in sides]
    return DegreeComparison(
        directed=both.directed,
        n_nodes=len(both.nodes),
        agreements=tuple(
            agree(role, measure, *(values[role][connected] for values in measured))
            for role in roles_of(both)
            for measure, measured in (("degree", degrees), ("strength", strengths))
        ),
        overlaps=tuple(overlap_roles(both)),
        n_isolated_truth=int((~has_truth).sum()),
        n_isolated_predicted=int((~has_predicted).sum()),
        n_isolated_both=int((~connected).sum()),
        n_lost=int((has_truth & ~has_predicted).sum()),
        n_gained=int((has_predicted & ~has_truth).sum()),
        wcc_truth=wcc[0],
        wcc_predicted=wcc[1],
        scc_truth=scc[0],
        scc_predicted=scc[1],
    )


def overlap_roles(both: AlignedEdges) -> Iterator[PartnerOverlap]:
    """Overlap of the strongest partners, for each role and k."""
    for role in roles_of(both):
        partners = list_partners(both, role)
        for k in PLACES:
            yield overlap_partners(role, k, *partners)


def _largest_weak(both: AlignedEdges, there: npt.NDArray[np.bool_]) -> int:
    """Neurons in the largest component of the pairs that are `there`; every neuron is at least one by itself."""
    label = label_components(len(both.nodes), both.source[there], both.target[there])
    return int(np.bincount(label).max(initial=0))


def _largest_strong(both: AlignedEdges, there: npt.NDArray[np.bool_]) -> int:
    """The same of the largest set within which every neuron reaches every other along the arrows."""
    from connectograph._kernels.components import largest_strong_component

    start = count_up(both.source[there], len(both.nodes))
    return int(largest_strong_component(start, both.target[there]))
