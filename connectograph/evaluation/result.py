"""The result of an evaluation: numbers, tables and graphs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from connectograph._networkx import nx
from connectograph.compare import EdgeScore
from connectograph.graphs import build_graph, tabulate_graph, tabulate_nodes
from connectograph.io.graphs import GraphColumns
from connectograph.synapses import Synapses
from connectograph.volumes import Volume

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

__all__ = ["Evaluation"]


@dataclass(frozen=True, eq=False)
class Evaluation:
    """How well a predicted connectome agrees with the truth.

    Attributes
    ----------
    edges : EdgeScore or None
        Precision, recall and F1 over pairs of segments; None without a prediction.
    strict : EdgeScore or None
        The same, with every unattached synapse counted as an error; None without volumes.
    tables : mapping of str to pandas.DataFrame
        ``segments``, ``synapses_truth``, ``links_truth``, ``edges_truth``, the same ``_predicted``,
        ``edge_outcomes``, ...; columns as in :mod:`connectograph.tables`.
    nodes : pandas.DataFrame or array of uint64
        The kept segments: every node of both graphs, degree 0 included.
    report : dict
        What ``report.json`` holds.
    volumes : mapping of str to Volume
        The inputs, by role, the segmentation as it was scored (split, if that was asked for); empty when tables or
        graphs were compared.
    synapses : mapping of str to Synapses
        Truth and prediction as voxels; empty when tables or graphs were compared.
    run : dict
        How it was run (files, order of axes, workers, times): what ``run.json`` holds besides.
    directed : bool

    Examples
    --------
    >>> import connectograph as cg
    >>> phantom = cg.synthetic.make_phantom("small", rng=0)
    >>> ev = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.truth)
    >>> ev.edges.f1, ev.truth_graph.number_of_nodes() == ev.report["nodes"]["n_segments"]
    (1.0, True)
    """

    edges: EdgeScore | None
    strict: EdgeScore | None
    tables: Mapping[str, pd.DataFrame]
    nodes: Any
    report: dict[str, Any]
    volumes: Mapping[str, Volume] = field(default_factory=dict)
    synapses: Mapping[str, Synapses] = field(default_factory=dict)
    run: dict[str, Any] = field(default_factory=dict)
    directed: bool = False

    @property
    def edge_outcomes(self) -> pd.DataFrame:
        """One row for each pair that is an edge of either graph: tp, fp or fn, and where."""
        return self.tables["edge_outcomes"]

    @cached_property
    def errors(self) -> pd.DataFrame:
        """Missed and false connections, the costliest first, with ids and places: see
        :func:`connectograph.viewers.list_errors`."""
        from connectograph.viewers import Frame, list_errors

        return list_errors(self.tables, Frame.from_report(self.report))

    def show_errors(self, *, link_template: str | None = None, most: int = 200) -> Styler:
        """The errors as a table for notebooks: see :func:`connectograph.viewers.show_errors`."""
        from connectograph.viewers import show_errors

        return show_errors(self.errors, link_template=link_template, most=most)

    @cached_property
    def truth_graph(self) -> nx.Graph:
        """The true connectome as a plain networkx graph."""
        return self._graph("truth")

    @cached_property
    def predicted_graph(self) -> nx.Graph:
        """The predicted connectome as a plain networkx graph."""
        return self._graph("predicted")

    def write(
        self,
        directory: str | Path,
        *,
        overwrite: bool = False,
        reports: bool = True,
        command: Sequence[str] = (),
    ) -> Path:
        """Write the run directory: report.json, tables, graphs, adjacency and, unless told not to, PDF and HTML.

        Parameters
        ----------
        directory : str or Path
            Made if it does not exist; files in it that are not ours are never touched.
        overwrite : bool
            Replace the run that `directory` already holds.
        reports : bool
            Whether to render ``report.pdf``, ``report.html`` and ``figures/``.
        command : sequence of str
            The command line that made it, for ``run.json``.

        Returns
        -------
        pathlib.Path
            The directory.

        Raises
        ------
        InputError
            If the directory holds a run, is in use, or cannot be written to.
        """
        from connectograph.evaluation.writing import write_evaluation

        return write_evaluation(self, Path(directory), overwrite=overwrite, reports=reports, command=command)

    def tabulate_graphs(self) -> dict[str, GraphColumns]:
        """Both connectomes ("truth", "predicted"; those there are) as columns: what files need of them."""
        nodes = tabulate_nodes(self.nodes)
        return {
            side: tabulate_graph(self.tables[f"edges_{side}"], nodes, **self._describe_graph(side))
            for side in ("truth", "predicted")
            if f"edges_{side}" in self.tables
        }

    def _graph(self, side: str) -> nx.Graph:
        return build_graph(self.tables[f"edges_{side}"], self.nodes, **self._describe_graph(side))

    def _describe_graph(self, side: str) -> dict[str, Any]:
        voxel_size = self.volumes["segmentation"].voxel_size if "segmentation" in self.volumes else None
        return {"directed": self.directed, "kind": "connectome", "name": side, "voxel_size": voxel_size}

    def _repr_html_(self) -> str:
        from connectograph.report import summarise_html

        return summarise_html(self.report)
