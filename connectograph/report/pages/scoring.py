"""How it was scored: the rule in words and as a drawing, and what is left of the synapses step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from connectograph.plots import EXAMPLE_LINKS, plot_rule
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Column, Element, Figure, Paragraph, Section, Table
from connectograph.report.pages.common import SIDE_NAMES
from connectograph.report.wording import count_of, format_count, format_number, join_words

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_scoring"]

_RULES = {
    "all-pairs": "Every pair of segments that a synapse touches is a link",
    "top-pair": "The pair of segments that a synapse touches with most voxels is its link",
    "partners": "Annotated partners are links, from the presynaptic to the postsynaptic segment",
    "pre-post": "A presynaptic and a postsynaptic site that touch are a link, from the one's segment to the other's",
}
_SCORES = (
    "Links between the same two segments are one connection. One that both graphs have is found (tp), one that only "
    "the prediction has is false (fp), one that only the truth has is missed (fn). Precision = tp / (tp + fp), recall "
    "= tp / (tp + fn), F1 = 2 tp / (2 tp + fp + fn). A score of nothing (0 / 0) is not defined."
)


def build_scoring(contents: ReportContents) -> Section:
    """Rule, drawing, example, numbers."""
    report = contents.report
    rule = block_of(report, "settings").get("partner_rule")
    elements: list[Element] = []
    if rule in _RULES:
        elements = [Paragraph(_describe_rule(report["settings"])), _draw(rule)]
    elements.append(Paragraph(_SCORES))
    table = _count_steps(report)
    return Section("scoring", "How it was scored", (*elements, *([table] if table.rows else [])))


def _describe_rule(settings: Mapping[str, Any]) -> str:
    """The rule with its tolerance and its minimum."""
    rule, least = settings["partner_rule"], settings.get("min_contact_voxels") or 1
    if rule == "partners":
        return f"{_RULES[rule]}."
    reach = (
        f"{format_number(settings['dilation_nm'])} nm"
        if settings.get("dilation_nm") is not None
        else count_of(settings.get("dilation") or 0, "voxel{s}")
    )
    touched = f"A voxel of a synapse touches the segments that lie within {reach} of it"
    return f"{touched}. {_RULES[rule]}, if they meet at {count_of(least, 'voxel{s}')} or more."


def _draw(rule: str) -> Figure:
    def draw(axes: Sequence[Axes]) -> None:
        plot_rule(rule, ax=axes[0])

    arrow = "→" if rule in ("partners", "pre-post") else "–"
    links = join_words([arrow.join(link) for link in EXAMPLE_LINKS[rule]])
    caption = f"Example: a synapse that touches the segments A, B and C, most of all A and B. Rule {rule}: {links}."
    return Figure("scoring.png", caption, f"Drawing. {caption}", draw, height=0.37, bare=True)


def _count_steps(report: Mapping[str, Any]) -> Table:
    """From what was given to what was scored."""
    inputs, synapses, edges = (block_of(report, key) for key in ("inputs", "synapses", "edges"))
    sides = [side for side in ("truth", "predicted") if synapses.get(f"n_{side}") is not None]
    steps = (
        ("Ids in the volume", [block_of(inputs, side).get("n_ids") for side in sides]),
        ("Synapses", [synapses.get(f"n_{side}") for side in sides]),
        ("Synapses attached to segments", [synapses.get(f"n_{side}_attached") for side in sides]),
        ("Connections", [edges.get(f"n_{side}") for side in sides]),
        ("Connections that both graphs have", [edges.get("tp") for _ in sides]),
    )
    rows = tuple((label, *map(format_count, counts)) for label, counts in steps if None not in counts and sides)
    columns = (Column("", 0.52), *(Column(SIDE_NAMES[side], 0.24, "number") for side in sides))
    return Table("From synapses to connections", columns, rows)
