"""Neuroglancer states: plain dictionaries, ids as text, positions in voxels (x, y, z)."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import quote

import numpy as np
import pandas as pd

from connectograph.viewers.errors import describe_error, iterate_errors
from connectograph.viewers.frame import Frame

__all__ = ["DEMO", "build_state", "build_url"]

DEMO = "https://neuroglancer-demo.appspot.com/"
"""Where neuroglancer runs for everybody; the data stay where they are served."""

_NM_PER_PIXEL = 2.0
"""Of a screen: a synapse of some hundred nm is seen with what lies around it."""


def build_state(
    errors: pd.DataFrame,
    frame: Frame,
    sources: Mapping[str, str],
    *,
    images: Sequence[str] = ("raw",),
    directed: bool = False,
) -> dict[str, Any]:
    """A neuroglancer state that shows errors: it opens at the first, with the segments of all of them selected.

    Parameters
    ----------
    errors : DataFrame
        Rows of :func:`~connectograph.viewers.list_errors`; those without a position are left out. None: the middle.
    frame : Frame
    sources : mapping of str to str
        Layer name to data source, such as ``precomputed://https://host/segmentation``. The layer "segmentation" shows
        only the segments of the errors.
    images : sequence of str
        Layers that hold grey values.
    directed : bool
        Whether connections have a direction.

    Returns
    -------
    dict
        What neuroglancer takes as JSON.

    Examples
    --------
    >>> state = build_state(pd.DataFrame({"x": []}), Frame((2, 4, 4), (40.0, 4.0, 4.0)), {})
    >>> state["position"], state["dimensions"]["z"]
    ([2.0, 2.0, 1.0], [4e-08, 'm'])
    """
    placed = errors[errors["x"].notna()]
    middle = np.add(frame.origin, np.divide(frame.shape, 2))
    position = placed.iloc[0][["x", "y", "z"]].tolist() if len(placed) else middle[::-1].tolist()
    segments = sorted({int(i) for name in ("source", "target") if len(errors) for i in errors[name]})
    layers = [_describe_layer(name, source, name in images) for name, source in sources.items()]
    for layer in layers:
        if layer["name"] == "segmentation":
            layer["segments"] = [str(segment) for segment in segments]
    linked = "segmentation" if "segmentation" in sources else None
    for kind, name in (("fn", "missed (fn)"), ("fp", "false (fp)")):
        rows = placed[placed["outcome"] == kind] if len(placed) else placed
        if len(rows):
            layers.append(_annotate(rows, frame, kind, name, linked, directed))
    return {
        "dimensions": _describe_dimensions(frame),
        "position": position,
        "crossSectionScale": _NM_PER_PIXEL / min(frame.voxel_size),
        "projectionScale": 2000 * _NM_PER_PIXEL / min(frame.voxel_size),
        "layers": layers,
        "layout": "4panel",
    }


def build_url(state: Mapping[str, Any] | str, *, viewer: str = DEMO) -> str:
    """The address that opens a state, or the file that holds one.

    Parameters
    ----------
    state : mapping or str
        A state, which becomes part of the address; or the address of a state file.
    viewer : str
        Where neuroglancer runs.

    Examples
    --------
    >>> build_url("http://127.0.0.1:9000/state.json")
    'https://neuroglancer-demo.appspot.com/#!http://127.0.0.1:9000/state.json'
    >>> build_url({"position": [1, 2, 3]}, viewer="http://localhost/")
    'http://localhost/#!%7B%22position%22:%5B1,2,3%5D%7D'
    """
    text = state if isinstance(state, str) else json.dumps(state, separators=(",", ":"), allow_nan=False)
    return f"{viewer}#!{quote(text, safe=':/,')}"


def _describe_dimensions(frame: Frame) -> dict[str, list[Any]]:
    # through text: 4 * 1e-9 is 4.000000000000001e-09, which is another unit to neuroglancer
    sizes = zip("xyz", frame.voxel_size[::-1], strict=True)
    return {axis: [float(f"{size:.12g}e-9"), "m"] for axis, size in sizes}


def _describe_layer(name: str, source: str, image: bool) -> dict[str, Any]:
    layer: dict[str, Any] = {"type": "image" if image else "segmentation", "source": source, "name": name}
    return layer if image else {**layer, "segments": [], "selectedAlpha": 0.3}


def _annotate(
    errors: pd.DataFrame, frame: Frame, kind: str, name: str, linked: str | None, directed: bool
) -> dict[str, Any]:
    """A layer of points, each with its pair of segments."""
    from connectograph.plots.style import COLOURS

    points = [
        {
            "type": "point",
            "id": f"{kind}-{error['source']}-{error['target']}",
            "point": [error["x"], error["y"], error["z"]],
            "description": describe_error(error, directed=directed),
            "segments": [[str(error["source"]), str(error["target"])]],
        }
        for error in iterate_errors(errors)
    ]
    layer: dict[str, Any] = {
        "type": "annotation",
        "source": {"url": "local://annotations", "transform": {"outputDimensions": _describe_dimensions(frame)}},
        "name": name,
        "annotationColor": COLOURS[kind].lower(),
        "annotations": points,
        "annotationRelationships": ["segments"],
    }
    return layer if linked is None else {**layer, "linkedSegmentationLayer": {"segments": linked}}
