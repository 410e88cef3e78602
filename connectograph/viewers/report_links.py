"""Addresses of the errors that a report lists: the worst ones, the costliest of each cause, the places of fixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from connectograph.viewers.errors import iterate_errors, list_errors
from connectograph.viewers.frame import Frame
from connectograph.viewers.links import check_template, fill_template

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["link_report"]

_LABEL = "Open in viewer"


def link_report(report: Mapping[str, Any], tables: Mapping[str, pd.DataFrame], template: str) -> dict[str, Any]:
    """A report in which every error has ``links``, as its pages show them.

    Parameters
    ----------
    report : mapping
        report.json.
    tables : mapping of str to DataFrame
        Of the run.
    template : str
        See :func:`~connectograph.viewers.check_template`.

    Returns
    -------
    dict
        A copy, with links in ``worst_errors``, in the first ``fixes`` and, of each cause and outcome the costliest
        connection, in ``causes``; report.json itself holds no addresses.
    """
    check_template(template)
    linked, worst = dict(report), report.get("worst_errors")
    if not worst:
        return linked
    frame = Frame.from_report(report)
    errors = list_errors(tables, frame)
    linked["worst_errors"] = _link_worst(worst, errors, template)
    if report.get("causes"):
        linked["causes"] = {**report["causes"], "edges": _link_causes(report["causes"]["edges"], errors, template)}
    if report.get("fixes"):
        first = [_link(fix, _place_fix(fix, frame), template) for fix in report["fixes"]["first"]]
        linked["fixes"] = {**report["fixes"], "first": first}
    return linked


def _link_worst(worst: Sequence[Mapping[str, Any]], errors: pd.DataFrame, template: str) -> list[dict[str, Any]]:
    wanted = errors[errors["source"].isin([np.uint64(error["source"]) for error in worst])]
    found = {(row["outcome"], str(row["source"]), str(row["target"])): row for row in iterate_errors(wanted)}
    return [_link(error, found[error["outcome"], error["source"], error["target"]], template) for error in worst]


def _link_causes(causes: Sequence[Mapping[str, Any]], errors: pd.DataFrame, template: str) -> list[dict[str, Any]]:
    """Each cause of one outcome with the costliest of its connections."""
    first = iterate_errors(errors.drop_duplicates(["outcome", "cause"]))
    costliest = {(row["outcome"], row["cause"]): row for row in first}
    return [_link(row, costliest.get((row["outcome"], row["cause"])), template) for row in causes]


def _link(entry: Mapping[str, Any], error: Mapping[str, Any] | None, template: str) -> dict[str, Any]:
    """An entry of report.json with the address of an error; as it is where that is not known."""
    address = fill_template(template, error) if error is not None else ""
    return {**entry, "links": {_LABEL: address}} if address else dict(entry)


def _place_fix(fix: Mapping[str, Any], frame: Frame | None) -> dict[str, Any]:
    """A fix as a template is filled with it: its synapse, the pair that gains most, its place."""
    lengths = {f"{axis}_nm": float(fix[f"{axis}_nm"]) for axis in "zyx"}
    place = np.full((1, 3), np.nan) if frame is None else frame.count_voxels(np.array([list(lengths.values())]))
    synapse = int(fix["synapse_id_truth"]) or int(fix["synapse_id_predicted"])
    ids = {"source": int(fix["source"]), "target": int(fix["target"]), "synapse_id": synapse}
    return {**lengths, **dict(zip("zyx", place[0].tolist(), strict=True)), **ids}
