"""Whether pairs and triples of neurons are connected as they are in the truth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import TRIAD_ARROWS, plot_motifs
from connectograph.report.contents import ReportContents, block_of, reason_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import clean_text, format_count, format_decimal, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_motifs"]

_TITLE = "Motifs"
_RATIOS = {
    "density": "Density: connections of all possible ones",
    "reciprocity": "Reciprocity: answered connections",
    "transitivity": "Transitivity: closed pairs of partners, of all",
    "clustering": "Clustering: mean share of closed pairs of partners of a neuron",
}
_STATES = {"null": "Not connected", "asymmetric": "One way", "reversed": "Other way", "mutual": "Both ways",
           "edge": "Connected"}  # fmt: skip
_POLYADIC = (
    "Under the partner rule all-pairs, a synapse that joins three segments is a triangle by itself: read triangles and "
    "clustering with that in mind."
)
_SHAPES = {"one_edge": "One connection", "wedge": "Open triple", "triangle": "Triangle"}


def build_motifs(contents: ReportContents) -> Section:
    """Dyads, triads, clustering, and what is more frequent than by chance."""
    motifs = contents.report.get("motifs")
    if not motifs:
        return Section("motifs", _TITLE, (explain_block(contents.report, "motifs"),))
    elements: list[Element] = [Paragraph(_describe(motifs), "lead")]
    if motifs.get("census"):
        elements += [_draw(motifs)] if motifs["directed"] and _is_any(motifs) else []
        elements += [_list_census(motifs), _list_ratios(motifs)]
    else:
        elements += [explain_missing(reason_of(motifs, "census"))]
    elements += [_list_dyads(motifs)] if motifs["directed"] else []  # undirected pairs: on the page of connections
    if block_of(contents.report, "settings").get("partner_rule") == "all-pairs":
        elements.append(Paragraph(_POLYADIC))
    return Section("motifs", _TITLE, tuple(elements))


def _is_any(motifs: Mapping[str, Any]) -> bool:
    return any(row["truth"] + row["predicted"] for row in motifs["census"] if row["motif"] in TRIAD_ARROWS)


def _describe(motifs: Mapping[str, Any]) -> str:
    """Reciprocity, or triangles if undirected; and what is said of chance."""
    sides = [block_of(motifs, side) for side in ("truth", "predicted")]
    if not all(sides):
        return "Too many connections to count triples of neurons in a run."
    if motifs["directed"]:
        found = [format_score(side["reciprocity"]) for side in sides]
        sentence = f"Reciprocity: {found[0]} in the truth, {found[1]} in the prediction"
    else:
        found = [format_count(side["n_triangles"]) for side in sides]
        sentence = f"Triangles: {found[0]} in the truth, {found[1]} in the prediction"
    nulls = motifs.get("null_models")
    if not nulls:
        return f"{sentence}."
    same = f"{nulls['n_preserved']} of {nulls['n_motifs']} motifs"
    return f"{sentence}. Against chance, truth and prediction say the same of {same}."


def _draw(motifs: Mapping[str, Any]) -> Figure:
    def draw(axes: Sequence[Axes]) -> None:
        plot_motifs(motifs["census"], ax=axes[0])

    largest = max((row for row in motifs["census"] if row["motif"] in TRIAD_ARROWS), key=lambda r: abs(r["log2_ratio"]))
    finding = f"Farthest off: {largest['motif']}, log2 ratio {format_decimal(largest['log2_ratio'], signed=True)}."
    caption = (
        "Connected triads of neurons: log2 of predicted to true number; −1 is half, +1 twice as many. Hatched: fewer "
        "than ten in the truth."
    )
    return Figure("motifs.png", caption, f"Triads, predicted against true number. {finding}", draw, 0.36)


def _list_ratios(motifs: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            name,
            *(_share(motifs[side][key]) for side in ("truth", "predicted")),
            "–" if motifs["ratios"][key] is None else format_decimal(motifs["ratios"][key]),
        )
        for key, name in _RATIOS.items()
        if motifs["directed"] or key != "reciprocity"
    )
    columns = (Column("", 0.58), *(Column(name, 0.14, "number") for name in ("Truth", "Prediction", "Ratio")))
    return Table("Whole graphs", columns, rows)


def _share(value: float | None) -> str:
    return "–" if value is None else format_score(value)


def _list_dyads(motifs: Mapping[str, Any]) -> Table:
    dyads = motifs["dyads"]
    names = list(next(iter(dyads.values())))
    rows = tuple(
        (f"{_STATES[state]} in the truth", *(format_count(count) for count in row.values()))
        for state, row in dyads.items()
    )
    width = 0.68 / len(names)
    columns = (Column("", 0.32), *(Column(_STATES[name], width, "number") for name in names))
    note = "Columns: the prediction. Other way: one way in both graphs, but not the same." if motifs["directed"] else ""
    return Table("Pairs of neurons", columns, rows, note)


def _list_census(motifs: Mapping[str, Any]) -> Table:
    """Triples of neurons by kind: numbers, instances found, and chance where random graphs were drawn."""
    nulls = {row["motif"]: row for row in block_of(motifs, "null_models").get("motifs", ())}
    kinds = TRIAD_ARROWS if motifs["directed"] else _SHAPES
    counted = [row for row in motifs["census"] if row["motif"] in kinds]
    rows = tuple(_census_row(row, nulls.get(row["motif"]), bool(nulls)) for row in counted)
    labels = ["Truth", "Prediction", "log2 ratio", "Recall", "Precision"]
    labels += ["× chance, true", "× chance, pred.", "Same"] if nulls else []
    width = 0.84 / len(labels)
    columns = (Column("Motif", 0.16), *(Column(label, width, "number") for label in labels))
    note = "Recall, precision: of single closed triples, with all three pairs as they are in the other graph. "
    if nulls:
        n, kept = motifs["null_models"]["n"], motifs["null_models"]["keep"].replace("+", " and ")
        note += f"× chance: number over its mean in {n} random graphs of the same {kept}. Same: both graphs have more "
        note += "(or fewer) than 1.4 times chance, or neither."
    else:
        note += f"Random graphs: {clean_text(reason_of(motifs, 'null_models'))}."
    return Table("Triples of neurons", columns, rows, note)


def _census_row(row: Mapping[str, Any], null: Mapping[str, Any] | None, compared: bool) -> tuple[str, ...]:
    cells = (
        _SHAPES.get(row["motif"], row["motif"]),
        *(format_count(row[side]) for side in ("truth", "predicted")),
        format_decimal(row["log2_ratio"], signed=True),
        *(("–" if row.get(name) is None else format_score(row[name])) for name in ("recall", "precision")),
    )
    if not compared:
        return cells
    if null is None:
        return (*cells, "–", "–", "–")
    ratios = ("–" if null[f"ratio_{side}"] is None else format_decimal(null[f"ratio_{side}"]) for side in _SIDES)
    return (*cells, *ratios, "yes" if null["preserved"] else "no")


_SIDES = ("truth", "predicted")
