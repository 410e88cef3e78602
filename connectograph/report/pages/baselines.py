"""What the score is worth: against predictors that know no synapse, and over the thresholds of the synapses' score."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from connectograph.plots import plot_precision_recall
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import clean_text, format_decimal, format_number, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_baselines"]

_TITLE = "Against chance"
_SWEPT = {"score_max": "the highest heat of each synapse", "n_voxels": "the size of each synapse, in voxels"}
_COLUMNS = (Column("", 0.52), *(Column(name, 0.16, "number") for name in ("Precision", "Recall", "F1")))


def build_baselines(contents: ReportContents) -> Section:
    """The prediction beside its baselines, and its operating points."""
    report = contents.report
    if not report.get("baselines"):
        return Section("baselines", _TITLE, (explain_block(report, "baselines"),))
    lead = Paragraph(_describe(report["baselines"]), "lead")
    elements = (lead, _draw(contents), _list_baselines(report), _list_points(report))
    return Section("baselines", _TITLE, elements)


def _describe(baselines: Mapping[str, Any]) -> str:
    f1, best, skill = baselines["edges"]["f1"], baselines["best_f1"], baselines["skill"]
    if f1 is None or best is None:
        return f"No baseline: {clean_text(reason_of(baselines, 'best_f1'))}."
    sentence = f"F1 is {format_score(f1)}; the best predictor that knows no synapse reaches {format_score(best)}"
    return f"{sentence}. Skill, from 0 (as good as that) to 1 (perfect): {format_decimal(skill)}."


def _draw(contents: ReportContents) -> Element:
    """Precision against recall: prediction, baselines, sweep."""
    report = contents.report
    points = {name: (row["recall"], row["precision"]) for name, row in _find_points(report).items()}
    points = {name: place for name, place in points.items() if None not in place}
    curve, sweep = contents.tables.get("score_sweep"), block_of(report, "sweep")
    curves: dict[str, pd.DataFrame] = {}
    if curve is not None and len(curve) and sweep.get("n_truth"):
        curves = {"its thresholds": curve}
    if not points:
        return explain_missing("no precision and recall is defined")

    def draw(axes: Sequence[Axes]) -> None:
        plot_precision_recall(points, curves=curves, ax=axes[0])

    caption = "Precision against recall; F1 is the same along the thin lines."
    caption += f" The curve goes through all thresholds of {_SWEPT[sweep['by']]}." if curves else ""
    return Figure("baselines.png", caption, f"Precision and recall. {_describe(report['baselines'])}", draw, 0.5)


def _find_points(report: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Scores by name, the prediction first."""
    baselines = report["baselines"]
    points = {"prediction": baselines["edges"]}
    if baselines.get("area_curve"):
        best = baselines["area_curve"].get("best_f1")
        points |= {"largest contacts": best} if best else {}
    if baselines.get("all_contacts"):
        points["all contacts"] = baselines["all_contacts"]
    return points


def _list_baselines(report: Mapping[str, Any]) -> Table:
    baselines = report["baselines"]
    names = {
        "prediction": "This prediction",
        "largest contacts": "The pairs of largest contact area (at its highest F1)",
        "all contacts": "All pairs that touch",
    }
    rows = [(names[name], *_scores(row)) for name, row in _find_points(report).items()]
    rows.append(("As many pairs at random", *[format_score(baselines["density"])] * 3))
    note = f"Matthews correlation over all {baselines['n_pairs']:,} pairs: {format_decimal(baselines['mcc'])}."
    if baselines.get("n_contacts") is None:
        how = "--contactome finds it" if "contactome" in report["settings"] else "connectomes come without volumes"
        note += f" No baselines of contacts: {clean_text(reason_of(baselines, 'n_contacts'))} ({how})."
    return Table("Predictors that know no synapse", _COLUMNS, tuple(rows), note)


def _scores(row: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(format_score(row[name]) for name in ("precision", "recall", "f1"))


def _list_points(report: Mapping[str, Any]) -> Element:
    """Operating points on the curve, also chosen on one half of the volume and reported on the other."""
    sweep = report.get("sweep")
    if not sweep:
        return explain_missing(f"a sweep over scores of synapses, as {reason_of(report, 'sweep')}")
    least = f"Recall of at least {report['settings'].get('least_recall', 0.95)}"
    rows: list[tuple[str, ...]] = []
    notes = [
        f"Synapses ranked by {_SWEPT[sweep['by']]}. Average precision: {format_score(sweep['average_precision'])}."
    ]
    for key, name in (("best_f1", "Highest F1"), ("at_recall", least)):
        if sweep[key]:
            rows.append((name, format_number(sweep[key]["threshold"]), *_scores(sweep[key])))
        else:
            notes.append(f"{name}: {clean_text(reason_of(sweep, key))}.")
        half = sweep["halves"][key]
        if half["reported"]:
            rows.append(("– chosen on one half", format_number(half["chosen"]["threshold"]), *_scores(half["chosen"])))
            rows.append(("– and scored on the other", "", *_scores(half["reported"])))
    columns = (Column("", 0.36), *(Column(name, 0.16, "number") for name in ("Threshold", "Precision", "Recall", "F1")))
    return Table("Operating points", columns, tuple(rows), " ".join(notes))
