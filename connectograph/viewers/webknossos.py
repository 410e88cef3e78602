"""webKnossos: errors as an annotation (NML), and links to a place in a dataset."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

import pandas as pd

from connectograph.viewers.errors import describe_error, iterate_errors
from connectograph.viewers.frame import Frame

__all__ = ["build_nml", "link_position"]

_GROUPS = {"fn": "missed (fn)", "fp": "false (fp)"}
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def build_nml(errors: pd.DataFrame, frame: Frame, *, dataset: str, directed: bool = False) -> bytes:
    """Errors as an annotation: a group for each kind, in it a tree of one commented node for each error.

    Parameters
    ----------
    errors : DataFrame
        Rows of :func:`~connectograph.viewers.list_errors`; those without a position are left out.
    frame : Frame
    dataset : str
        Name of the dataset in webKnossos.
    directed : bool
        Whether connections have a direction.

    Returns
    -------
    bytes
        An XML file; positions are voxels (x, y, z).

    Examples
    --------
    >>> nml = build_nml(pd.DataFrame({"x": []}), Frame((2, 4, 4), (40.0, 4.0, 4.0)), dataset="A & B")
    >>> b'<experiment name="A &amp; B" />' in nml, b'<scale x="4.0" y="4.0" z="40.0" unit="nanometer" />' in nml
    (True, True)
    """
    things, parameters = ElementTree.Element("things"), ElementTree.Element("parameters")
    things.append(parameters)
    _add(parameters, "experiment", name=dataset)
    _add(parameters, "scale", **dict(zip("xyz", frame.voxel_size[::-1], strict=True)), unit="nanometer")
    comments, groups = ElementTree.Element("comments"), ElementTree.Element("groups")
    placed = iterate_errors(errors[errors["x"].notna()])
    for number, error in enumerate(placed, start=1):
        _add_tree(things, comments, number, error, directed)
    things.append(comments)
    for number, name in enumerate(_GROUPS.values(), start=1):
        _add(groups, "group", id=number, name=name)
    things.append(groups)
    ElementTree.indent(things)
    text: bytes = ElementTree.tostring(things, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_tree(
    things: ElementTree.Element, comments: ElementTree.Element, number: int, error: Mapping[str, Any], directed: bool
) -> None:
    from connectograph.plots.style import COLOURS

    kind, said = error["outcome"], describe_error(error, directed=directed)
    red, green, blue = (int(COLOURS[kind][start : start + 2], 16) / 255 for start in (1, 3, 5))
    colour = {"color.r": round(red, 4), "color.g": round(green, 4), "color.b": round(blue, 4), "color.a": 1.0}
    name = f"{kind} {error['source']} {'→' if directed else '–'} {error['target']}"
    tree = _add(things, "thing", id=number, name=name, groupId=list(_GROUPS).index(kind) + 1, **colour)
    place = {axis: math.floor(error[axis]) for axis in "xyz"}
    _add(_add(tree, "nodes"), "node", id=number, radius=100, **place)
    _add(tree, "edges")
    _add(comments, "comment", node=number, content=said)


def _add(parent: ElementTree.Element, tag: str, **attributes: Any) -> ElementTree.Element:
    """A child whose attributes XML can hold."""
    texts = {name: _NOT_XML.sub("\ufffd", str(value)) for name, value in attributes.items()}
    return ElementTree.SubElement(parent, tag, texts)


def link_position(dataset_url: str, error: Mapping[str, Any]) -> str:
    """The address of an error in a dataset that webKnossos shows; empty if it has no position.

    Parameters
    ----------
    dataset_url : str
        The dataset's address as the browser shows it.
    error : mapping
        A row of :func:`~connectograph.viewers.list_errors`.

    Examples
    --------
    >>> link_position("https://webknossos.org/datasets/A-66f/view#0,0,0", {"z": 1.5, "y": 2.0, "x": 3.9})
    'https://webknossos.org/datasets/A-66f/view#3,2,1,0,0.5'
    """
    if math.isnan(error["x"]):
        return ""
    x, y, z = (math.floor(error[axis]) for axis in "xyz")
    return f"{dataset_url.partition('#')[0]}#{x},{y},{z},0,0.5"
