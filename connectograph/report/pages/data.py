"""Second page: what went in, to see and to check."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from connectograph.plots import plot_slices
from connectograph.report.contents import ReportContents, block_of
from connectograph.report.elements import Column, Element, Figure, Section, Table
from connectograph.report.pages.common import SIDE_NAMES, explain_block, explain_missing, name_key
from connectograph.report.wording import clean_text, format_count, format_number, format_value

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["build_data", "list_inputs"]

_GEOMETRY = ("shape", "voxel_size_nm", "offset_nm")
_LABELS = {"n_ids": "Ids", "n_nodes": "Nodes", "n_edges": "Connections", "form": "Form"}
_SETTINGS: dict[str, tuple[str, Any]] = {
    "dilation": ("Dilation of segments (voxels)", 1),
    "dilation_nm": ("Dilation of segments (nm)", None),
    "min_segment_voxels": ("Smallest segment (voxels)", 0),
    "exclude_segments": ("Segments excluded by id", []),
    "split_disconnected": ("Split disconnected segments", False),
    "min_split_fraction": ("Smallest part split off (share)", 0.1),
    "partner_rule": ("Partner rule", "all-pairs"),
    "min_contact_voxels": ("Smallest contact (voxels)", 1),
    "predicted_form": ("Form of the prediction", None),
    "threshold": ("Heat-map threshold", None),
    "min_synapse_voxels": ("Smallest predicted synapse (voxels)", 1),
    "contactome": ("Contactome computed", False),
    "directed": ("Directed connections", False),
    "matched": ("Neurons matched by a table", False),
}
_SAME_IN_ALL_RUNS = {
    "edge_thresholds": "connections of at least {} synapses",
    "interval_level": "intervals of level {}",
    "least_recall": "operating points of a recall of at least {}",
    "null_models": "random graphs a side {}",
    "null_seed": "their seed {}",
}


def build_data(contents: ReportContents) -> Section:
    """One plane of the volumes, the inputs, every setting."""
    elements = (_draw_plane(contents), list_inputs(contents), _list_settings(contents.report))
    return Section("data", "Data and parameters", elements)


def _draw_plane(contents: ReportContents) -> Element:
    """The whole plane, and beside it a quarter of its width around its largest synapse."""
    slices = contents.slices
    if slices is None:
        return explain_missing("no plane of the volumes was recorded")
    volume = block_of(block_of(contents.report, "inputs"), "segmentation")
    voxel_size, offset = volume.get("voxel_size_nm"), volume.get("offset_nm") or [0.0, 0.0, 0.0]
    shape = np.multiply(np.shape(slices["segmentation"]), (voxel_size or [1.0, 1.0, 1.0])[1:])
    height = 0.11 + 0.33 * float(np.clip(shape[0] / shape[1], 0.3, 1.2))
    corner = _find_detail(slices)
    place: dict[str, Any] = {"voxel_size": tuple(voxel_size[1:]), "offset": tuple(offset[1:])} if voxel_size else {}

    def draw(axes: Sequence[Axes]) -> None:
        for ax in axes:
            plot_slices(slices, **place, ax=ax)
        _zoom(axes, corner)
        axes[0].legend(loc="lower left", bbox_to_anchor=(0.0, 1.02), ncols=2)

    z, step = int(slices["z_index"]), int(slices["step"])
    shown = f", every {step} voxels shown" if step > 1 else ""
    sides = " and ".join(word for side, word in (("truth", "true"), ("predicted", "predicted")) if side in slices)
    outlined = f", {sides} synapses outlined" if sides else ""
    caption = f"Plane z = {z:,}{shown}: segments in colour{outlined}; right, the framed part enlarged."
    return Figure(
        "middle_slice.png", caption, f"Segmentation in the plane z = {z:,}{outlined}.", draw, height, panels=2
    )


def _find_detail(slices: Mapping[str, Any]) -> tuple[slice, slice]:
    """A window around the middle of the largest synapse of the plane, or around the middle of the plane."""
    shape = np.asarray(slices["segmentation"]).shape
    middle = np.array(shape) // 2
    for side in ("truth", "predicted"):
        ids, place = np.unique(np.asarray(slices.get(side, np.zeros((0, 0)))), return_inverse=True)
        sizes = np.where(ids == 0, 0, np.bincount(place.ravel(), minlength=len(ids)))
        if sizes.size and sizes.max():
            middle = np.argwhere(place.reshape(shape) == sizes.argmax()).mean(axis=0).astype(int)
            break
    half = np.maximum(np.array(shape) // 8, 1)
    low = np.clip(middle - half, 0, np.maximum(np.array(shape) - 2 * half, 0))
    rows, columns = (slice(int(start), int(start + 2 * size)) for start, size in zip(low, half, strict=True))
    return rows, columns


def _zoom(axes: Sequence[Axes], corner: tuple[slice, slice]) -> None:
    """Enlarge the window in the second panel and frame it in the first."""
    from matplotlib.patches import Rectangle

    left, right, bottom, top = axes[1].images[0].get_extent()
    n_rows, n_columns = axes[1].images[0].get_array().shape[:2]  # type: ignore[union-attr]
    height, width = (bottom - top) / n_rows, (right - left) / n_columns
    x = [left + edge * width for edge in (corner[1].start, corner[1].stop)]
    y = [top + edge * height for edge in (corner[0].start, corner[0].stop)]
    axes[1].set(xlim=x, ylim=y[::-1])
    axes[0].add_patch(Rectangle((x[0], y[0]), x[1] - x[0], y[1] - y[0], fill=False, edgecolor="white", linewidth=1.0))


def list_inputs(contents: ReportContents) -> Element:
    """One column for each volume or graph, one row for whatever is known of it."""
    recorded = block_of(contents.report, "inputs")
    if not recorded:
        return explain_block(contents.report, "inputs")
    files = block_of(contents.run or {}, "inputs")
    cards = {side: _describe_input(recorded.get(side), files.get(side)) for side in SIDE_NAMES if recorded.get(side)}
    names = list(dict.fromkeys(name for card in cards.values() for name in card))
    rows = tuple((name, *(card.get(name, "–") for card in cards.values())) for name in names)
    width = 0.8 / max(1, len(cards))
    columns = (Column("", 0.2), *(Column(SIDE_NAMES[side], width) for side in cards))
    notes = [
        f"{SIDE_NAMES[side]}: {format_value(files[side]['assumed'])}."
        for side in cards
        if (files.get(side) or {}).get("assumed")
    ]
    absent = [SIDE_NAMES[side].lower() for side in SIDE_NAMES if side in recorded and not recorded[side]]
    notes += [f"Not given: {', '.join(absent)}."] if absent else []
    return Table("Inputs", columns, rows, " ".join(notes))


def _describe_input(card: Mapping[str, Any] | None, file: Mapping[str, Any] | None) -> dict[str, str]:
    known, source = dict(card or {}), dict(file or {})
    rows = {"File": clean_text(source["path"])} if source.get("path") else {}
    if known.get("shape"):
        rows["Shape (z, y, x)"] = " × ".join(format_count(size) for size in known["shape"])
    if known.get("voxel_size_nm"):
        rows["Voxel size (z, y, x)"] = " × ".join(map(format_number, known["voxel_size_nm"])) + " nm"
    if known.get("offset_nm"):
        rows["Offset (z, y, x)"] = ", ".join(map(format_number, known["offset_nm"])) + " nm"
    rows |= {"Type": clean_text(source["dtype"])} if source.get("dtype") else {}
    others = {key: value for key, value in known.items() if key not in _GEOMETRY and value is not None}
    rows |= {_LABELS.get(key, name_key(key)): format_value(value) for key, value in others.items()}
    return rows


def _list_settings(report: Mapping[str, Any]) -> Element:
    """Every setting of the run; where it is not the default, that too."""
    settings = report.get("settings")
    if not settings:
        return explain_block(report, "settings")
    columns = (Column("Setting", 0.54), Column("Value", 0.46))
    rows = tuple(_setting_row(key, value) for key, value in settings.items() if key not in _SAME_IN_ALL_RUNS)
    same = [text.format(format_value(settings[key])) for key, text in _SAME_IN_ALL_RUNS.items() if key in settings]
    note = "Where a value is not the default, the default follows."
    note += f" The same in every run: {'; '.join(same)}." if same else ""
    return Table("Parameters", columns, rows, note, folded=True)


def _setting_row(key: str, value: Any) -> tuple[str, ...]:
    label, default = _SETTINGS.get(key, (name_key(key), value))
    return (label, format_value(value) + ("" if value == default else f" (default: {format_value(default)})"))
