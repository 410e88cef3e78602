"""The volumes of a run as viewers show them: what was scored, read again from the recorded inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from connectograph.blocks import open_engine
from connectograph.contacts import mark_contacts
from connectograph.errors import InputError
from connectograph.evaluation.directed_inputs import join_pairs, read_directed
from connectograph.evaluation.inputs import read_inputs
from connectograph.evaluation.rendering import read_report
from connectograph.evaluation.settings import Settings
from connectograph.evaluation.survey import read_synapses
from connectograph.evaluation.writing import file_of
from connectograph.io.files import digest_store
from connectograph.io.runs import read_run
from connectograph.io.sources import is_url
from connectograph.io.tables import read_table
from connectograph.partners import DIRECTED_RULES
from connectograph.segments import split_segments
from connectograph.viewers.layers import mark_errors, paint_synapses, show_ids, show_picture
from connectograph.volumes import Volume

__all__ = ["read_layers", "read_tables"]


def read_tables(directory: str | Path) -> dict[str, pd.DataFrame]:
    """The tables of a run directory by name."""
    return {file.stem: read_table(file) for file in sorted(Path(directory, "tables").glob("*.parquet"))}


def read_layers(directory: str | Path) -> dict[str, Volume]:
    """The volumes of a run by layer name, read piece by piece when they are used.

    Parameters
    ----------
    directory : str or Path
        A run directory, whose inputs are still there.

    Returns
    -------
    dict of str to Volume
        ``raw`` (if given) as grey values; as uint64 ids, every background 0: ``segmentation`` (split if the run split
        it), ``predicted_segmentation``, ``truth`` and ``predicted`` (the synapses that were scored, under the ids of
        the tables), ``errors`` (synapses with a missed (1) or a false (2) connection, or both (3)) and ``contactome``
        (1 where dilated segments overlap, if the run listed contacts).

    Raises
    ------
    InputError
        If the directory holds no finished run, or an input is gone or no longer what was read.
    """
    folder = Path(directory)
    record, settings = read_run(folder), Settings.from_dict(read_report(folder)["settings"])
    _refuse_changed(record["inputs"])
    paths = {role: entry["path"] for role, entry in record["inputs"].items()}
    if settings.partner_rule in DIRECTED_RULES:
        return _show_directed(paths, record["reading"], settings)
    others = (paths.get(role) for role in ("predicted", "raw", "predicted_segmentation"))
    volumes = read_inputs(paths["segmentation"], paths["truth"], *others, **record["reading"])
    return _show_volumes(volumes, settings, read_tables(folder))


def _refuse_changed(inputs: Mapping[str, dict[str, Any]]) -> None:
    """Tables and voxels must be of the same content."""
    for role, entry in inputs.items():
        path = file_of(entry["path"])
        if path is None:
            raise InputError(f"The {role} of this run was made in memory: write it to a file, and evaluate that.")
        if is_url(entry["path"]):
            continue
        if not path.exists():
            raise InputError(f"The {role} of this run, {path}, is gone; it is needed to show it. Put it back.")
        if digest_store(path)[1] != entry["sha256"]:
            raise InputError(f"{path}: the {role} has changed since the run. Evaluate it again, then export.")


def _show_volumes(
    volumes: dict[str, Volume], settings: Settings, tables: Mapping[str, pd.DataFrame]
) -> dict[str, Volume]:
    segmentation = volumes["segmentation"]
    if settings.split_disconnected:
        segmentation, _ = split_segments(
            segmentation,
            exclude=settings.exclude_segments,
            min_split_fraction=settings.min_split_fraction,
            min_segment_voxels=settings.min_segment_voxels,
        )
    layers = _show_inputs({**volumes, "segmentation": segmentation}, ("segmentation", "predicted_segmentation"))
    with open_engine(None, None) as engine:
        synapses = dict(zip(("truth", "predicted"), read_synapses([volumes], settings, engine, None), strict=False))
    layers |= {role: replace(segmentation, labels=paint_synapses(found)) for role, found in synapses.items()}
    if "predicted" in synapses:
        errors = mark_errors(synapses["truth"], synapses["predicted"], tables)
        layers["errors"] = replace(segmentation, labels=errors)
    if settings.contactome:
        how = {"dilation": settings.dilation, "dilation_nm": settings.dilation_nm}
        contacts = mark_contacts(segmentation, segments=tables["segments"], **how)  # type: ignore[arg-type]
        layers["contactome"] = replace(segmentation, labels=show_ids(contacts.labels))
    return layers


def _show_directed(paths: Mapping[str, str], reading: dict[str, Any], settings: Settings) -> dict[str, Volume]:
    """Segmentations and masks; points are shown by the errors alone."""
    sources = join_pairs(paths)
    inputs = read_directed(
        sources["segmentation"],
        sources.get("truth"),
        sources.get("predicted"),
        sources.get("raw"),
        sources.get("predicted_segmentation"),
        partner_rule=settings.partner_rule,
        **reading,
    )
    return _show_inputs({role: each for role, each in inputs.items() if isinstance(each, Volume)}, tuple(inputs))


def _show_inputs(volumes: Mapping[str, Volume], roles: tuple[str, ...]) -> dict[str, Volume]:
    """Raw data, and those of the volumes that hold ids."""
    shown = {}
    if "raw" in volumes:
        shown["raw"] = replace(volumes["raw"], labels=show_picture(volumes["raw"].labels))
    for role in roles:
        if role in volumes and role != "raw":
            shown[role] = replace(volumes[role], labels=show_ids(volumes[role].labels, volumes[role].name))
    return shown
