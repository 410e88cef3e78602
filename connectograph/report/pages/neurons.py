"""Which neurons are found well, and which are not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd

from connectograph.plots import plot_neuron_distribution, plot_neurons
from connectograph.report.contents import ReportContents
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import explain_block, explain_missing
from connectograph.report.wording import count_of, format_count, format_decimal, format_interval, format_score

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_neurons", "describe_neurons"]

_TITLE = "Neurons"
_ROLES = {"in": "Incoming connections", "out": "Outgoing connections", "total": "All connections"}
_SHOWN = 10


def build_neurons(contents: ReportContents) -> Section:
    """F1 of every neuron, and those with most errors."""
    neurons, table = contents.report.get("neurons"), contents.tables.get("neurons")
    if not neurons:
        return Section("neurons", _TITLE, (explain_block(contents.report, "neurons"),))
    elements: list[Element] = [Paragraph(describe_neurons(neurons), "lead")]
    if table is None or not table["f1"].notna().any():
        elements.append(explain_missing("no neuron has a connection, or the table neurons is missing"))
    else:
        elements += [_draw(neurons, table), _list_scores(neurons), *_list_profiles(neurons), _list_worst(table)]
    return Section("neurons", _TITLE, tuple(elements))


def describe_neurons(neurons: Mapping[str, Any]) -> str:
    """How well the connections of single neurons are found."""
    total = next((row for row in neurons["scores"] if row["role"] == "total"), None)
    if total is None or total["median"] is None:
        return "No neuron has a connection in either graph."
    scored = count_of(total["n_neurons"], "neuron{s} with a connection in either graph")
    return (
        f"Of {scored}, half have an F1 of at least {format_score(total['median'])}; the worst tenth at most "
        f"{format_score(total['p10'])}."
    )


def _draw(neurons: Mapping[str, Any], table: pd.DataFrame) -> Figure:
    def draw(axes: Sequence[Axes]) -> None:
        plot_neurons(table, ax=axes[0])
        plot_neuron_distribution(table, ax=axes[1])

    caption = "F1 of the connections of each neuron: left, by its synapses in the truth; right, its distribution."
    return Figure("neurons.png", caption, f"F1 of single neurons. {describe_neurons(neurons)}", draw, 0.46, panels=2)


def _list_scores(neurons: Mapping[str, Any]) -> Table:
    rows = tuple(
        (
            _ROLES[row["role"]],
            format_count(row["n_neurons"]),
            *(format_score(row[name]) for name in ("median", "p10", "weighted_mean")),
        )
        for row in neurons["scores"]
    )
    names = ("Neurons", "Median", "Worst tenth", "Mean by synapses")
    columns = (Column("", 0.32), *(Column(name, 0.17, "number") for name in names))
    return Table("F1 of single neurons", columns, rows)


def _list_profiles(neurons: Mapping[str, Any]) -> list[Table]:
    """How alike the weights of each neuron's connections are, where the run knows it."""
    rows = tuple(_profile_row(row) for row in neurons.get("profiles", ()))
    names = {"Neurons": 0.11, "Cosine": 0.11, "95 % interval": 0.2, "Worst tenth": 0.14, "Rank correlation": 0.19}
    columns = (Column("", 0.25), *(Column(name, width, "number") for name, width in names.items()))
    return [Table("Synapses with each partner", columns, rows, _describe_neighbours(neurons))] if rows else []


def _profile_row(row: Mapping[str, Any]) -> tuple[str, ...]:
    return (
        _ROLES[row["role"]],
        format_count(row["n_cosine"]),
        format_score(row["cosine_mean"]),
        format_interval(row["intervals"]["cosine_mean"]) or "–",
        format_score(row["cosine_p10"]),
        format_decimal(row["spearman_mean"]),
    )


def _describe_neighbours(neurons: Mapping[str, Any]) -> str:
    """What the columns are, and whether neurons stay alike the same ones."""
    text = "Means over neurons, of their synapses with every partner, true against predicted; 1: the same proportions."
    near = neurons["neighbours"]
    if near["mean"] is None:
        return text
    asked = "" if near["exact"] else f" (of {near['n_asked']:,} neurons drawn)"
    share = format_score(near["mean"])
    return f"{text} The {near['k']} neurons that are connected most alike stay the same to {share}{asked}."


def _list_worst(table: pd.DataFrame) -> Element:
    """The neurons with most false and missed connections."""
    total = table[table["role"] == "total"]
    wrong = (total["fp"] + total["fn"]).rename("wrong")
    ranked = total.assign(wrong=wrong)[wrong > 0].sort_values(["wrong", "segment_id"], ascending=[False, True])
    if not len(ranked):
        return Paragraph("No neuron has a false or missed connection.", "lead")
    values = (ranked[name].tolist()[:_SHOWN] for name in ("segment_id", "tp", "fp", "fn", "f1"))
    rows = tuple((str(i), *map(format_count, counts), format_score(f1)) for i, *counts, f1 in zip(*values, strict=True))
    columns = (Column("Segment", 0.4, "id"), *(Column(name, 0.15, "number") for name in ("tp", "fp", "fn", "F1")))
    shown = f"{min(_SHOWN, len(ranked)):,} of {len(ranked):,} with an error; all are in tables/neurons.parquet."
    return Table("Neurons with most false and missed connections", columns, rows, shown)
