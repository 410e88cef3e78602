"""The inputs of an evaluation of directed synapses: annotated points, or presynaptic and postsynaptic masks."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from connectograph.errors import InputError
from connectograph.evaluation.inputs import refuse_without_synapses
from connectograph.io.points import SynapsePoints, read_points
from connectograph.io.sources import split_path
from connectograph.io.volumes import read_volume
from connectograph.volumes import Triple, Volume, check_same_grid

__all__ = ["Inputs", "describe_sources", "join_pairs", "read_directed", "read_directed_cases", "volumes_of"]

Inputs: TypeAlias = dict[str, Any]
"""By role: "segmentation", "raw" and masks are volumes, points SynapsePoints; "truth_post" is a second mask."""

_ROLES = ("truth", "predicted")


def read_directed(
    segmentation: Any,
    truth: Any,
    predicted: Any,
    raw: Any = None,
    predicted_segmentation: Any = None,
    *,
    partner_rule: str,
    axes: str = "zyx",
    voxel_size: Triple | None = None,
    allow_missing_chunks: bool = False,
    point_resolution: Triple | None = None,
) -> Inputs:
    """Open the inputs of an evaluation of directed synapses.

    Parameters
    ----------
    segmentation, raw, predicted_segmentation : path or Volume
    truth, predicted
        Rule "partners": what :func:`~connectograph.io.points.read_points` takes; without a truth, the annotations in
        the segmentation's CREMI file. Rule "pre-post": a pair of volumes (presynaptic, postsynaptic sites), or one
        volume in which odd ids are presynaptic and even ids postsynaptic.
    partner_rule : {"partners", "pre-post"}
    axes, voxel_size, allow_missing_chunks
        Of volumes, as in :func:`connectograph.evaluate`.
    point_resolution : tuple of 3 floats, optional
        (z, y, x) in nm, of tables whose positions are not in nm.

    Returns
    -------
    dict of str to Volume or SynapsePoints

    Raises
    ------
    InputError
        If one cannot be opened, says nothing of direction, or they do not fit together.
    """
    refuse_without_synapses(predicted_segmentation, predicted)
    how: dict[str, Any] = {"axes": axes, "voxel_size": voxel_size, "allow_missing_chunks": allow_missing_chunks}
    volume = read_volume(segmentation, role="segmentation", **how)
    inputs: Inputs = {"segmentation": volume}
    for role, source in zip(_ROLES, (truth, predicted), strict=True):
        if source is None and role == "predicted":
            continue
        if partner_rule == "partners":
            inputs[role] = _read_points(source, role, segmentation, point_resolution)
            continue
        for name, part in _name_masks(source, role).items():
            inputs[name] = read_volume(part, role="predicted", like=volume, **how)
            check_same_grid(volume, inputs[name])
    others = {"raw": (raw, "raw"), "predicted_segmentation": (predicted_segmentation, "segmentation")}
    for name, (source, kind) in others.items():
        if source is not None:
            inputs[name] = read_volume(source, role=kind, like=volume, **how)
            check_same_grid(volume, inputs[name])
    return inputs


def read_directed_cases(
    sources: Mapping[str, Any], predicted: Sequence[Any], *, partner_rule: str, **reading: Any
) -> list[Inputs]:
    """The inputs of the evaluation of each of several predictions; what they share is opened once.

    Parameters
    ----------
    sources : mapping of str to object
        "segmentation" and what else there is, as :func:`read_directed` takes them.
    predicted : sequence
        Predictions, at least one.
    partner_rule, **reading
        As in :func:`read_directed`.

    Returns
    -------
    list of dict
    """
    first = read_directed(**{**sources, "predicted": predicted[0]}, partner_rule=partner_rule, **reading)
    shared = join_pairs({role: each for role, each in first.items() if role not in ("predicted", "predicted_post")})
    others = (read_directed(**shared, predicted=each, partner_rule=partner_rule, **reading) for each in predicted[1:])
    return [first, *others]


def volumes_of(inputs: Inputs) -> dict[str, Volume]:
    """The inputs that are volumes, by role."""
    return {role: each for role, each in inputs.items() if isinstance(each, Volume)}


def describe_sources(inputs: Mapping[str, Any], sources: Mapping[str, Any]) -> dict[str, Any]:
    """For each input its file (empty when it was made in memory), type and what was assumed about it."""
    parts: dict[str, Any] = {}
    for role, source in sources.items():
        parts |= _name_masks(source, role) if isinstance(source, tuple) else {role: source}
    described = {}
    for role, each in inputs.items():
        in_memory = parts.get(role) is not None and not isinstance(parts[role], (str, os.PathLike))
        kind = "points" if isinstance(each, SynapsePoints) else str(each.dtype)
        described[role] = {"path": "" if in_memory else each.name, "dtype": kind, "assumed": list(each.assumed)}
    return described


def join_pairs(sources: Mapping[str, Any]) -> dict[str, Any]:
    """Sources by role with the two masks of a side as one pair.

    Examples
    --------
    >>> join_pairs({"truth": "pre.h5", "truth_post": "post.h5", "predicted": "both.h5"})
    {'truth': ('pre.h5', 'post.h5'), 'predicted': 'both.h5'}
    """
    joined = {role: source for role, source in sources.items() if not role.endswith("_post")}
    for role in _ROLES:
        if sources.get(f"{role}_post") is not None:
            joined[role] = (sources[role], sources[f"{role}_post"])
    return joined


def _read_points(source: Any, role: str, segmentation: Any, resolution: Triple | None) -> SynapsePoints:
    if isinstance(source, (tuple, Volume)):
        raise InputError(
            f"The {role} is given as voxels, which do not say who is pre- and who postsynaptic: for the rule "
            "'partners' pass CREMI annotations or a table of points; for masks choose --partner-rule pre-post, for "
            "clefts all-pairs."
        )
    if source is None:
        if isinstance(segmentation, Volume):
            raise InputError("No truth was given: pass truth=..., CREMI annotations or a table of points.")
        source = split_path(segmentation)[0]
    points = read_points(source, resolution=resolution)
    if not points.has_positions:
        raise InputError(
            f"The {role} {points.name or 'table'} has segments, but no positions in a known unit to look them up at. "
            "Pass --point-resolution Z,Y,X in nm (in Python: point_resolution) if it has positions; ids alone are "
            "compared by connectograph compare --directed."
        )
    return points


def _name_masks(source: Any, role: str) -> dict[str, Any]:
    """The volumes of one side by role."""
    if isinstance(source, tuple) and len(source) == 2:
        return {role: source[0], f"{role}_post": source[1]}
    if not isinstance(source, (str, os.PathLike, Volume)):
        found = "missing" if source is None else type(source).__name__
        raise InputError(
            f"The {role} is {found}; for the rule 'pre-post' pass a pair of volumes (presynaptic, "
            f"postsynaptic; --{role} PRE --{role}-post POST), or one volume with odd ids presynaptic and even ids "
            "postsynaptic."
        )
    return {role: source}
