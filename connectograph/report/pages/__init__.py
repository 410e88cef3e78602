"""The pages of the report: each is one small function from the contents to a section."""

from __future__ import annotations

from collections.abc import Callable

from connectograph.report.contents import ReportContents
from connectograph.report.elements import Section
from connectograph.report.pages.baselines import build_baselines
from connectograph.report.pages.causes import build_causes
from connectograph.report.pages.connections import build_connections
from connectograph.report.pages.data import build_data
from connectograph.report.pages.degree import build_degree
from connectograph.report.pages.errors import build_errors
from connectograph.report.pages.fixes import build_fixes
from connectograph.report.pages.motifs import build_motifs
from connectograph.report.pages.neurons import build_neurons
from connectograph.report.pages.overlap import build_overlap
from connectograph.report.pages.partner_sites import build_partner_sites
from connectograph.report.pages.places import build_places
from connectograph.report.pages.proofread import build_proofread
from connectograph.report.pages.reproduce import build_reproduce
from connectograph.report.pages.scoring import build_scoring
from connectograph.report.pages.segmentation import build_segmentation
from connectograph.report.pages.summary import build_summary
from connectograph.report.pages.synapses import build_synapses
from connectograph.report.pages.thresholds import build_thresholds
from connectograph.report.pages.types import build_types
from connectograph.report.pages.weights import build_weights

__all__ = ["PAGES", "build_sections"]

PAGES: dict[str, Callable[[ReportContents], Section]] = {
    "summary": build_summary,
    "data": build_data,
    "scoring": build_scoring,
    "connections": build_connections,
    "proofread": build_proofread,
    "thresholds": build_thresholds,
    "baselines": build_baselines,
    "weights": build_weights,
    "degree": build_degree,
    "neurons": build_neurons,
    "motifs": build_motifs,
    "types": build_types,
    "synapses": build_synapses,
    "synapse_matching": build_overlap,
    "segmentation_matching": build_segmentation,
    "partner_sites": build_partner_sites,
    "causes": build_causes,
    "fixes": build_fixes,
    "places": build_places,
    "errors": build_errors,
    "reproduce": build_reproduce,
}
"""All pages in order, by name."""

_COMPARED = (
    "proofread",
    "thresholds",
    "baselines",
    "weights",
    "neurons",
    "motifs",
    "types",
    "synapse_matching",
    "partner_sites",
    "segmentation_matching",
    "causes",
    "fixes",
    "places",
)
"""Pages of the block of this name; without a comparison, "connections" says why there is none."""


def build_sections(contents: ReportContents) -> list[Section]:
    """All pages of a report that have something to say, in order.

    Parameters
    ----------
    contents : ReportContents

    Returns
    -------
    list of Section
    """
    report = contents.report
    absent = [key for key in _COMPARED if not report.get("edges") or key not in report]
    return [build(contents) for key, build in PAGES.items() if key not in absent]
