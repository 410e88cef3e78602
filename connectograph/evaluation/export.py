"""A run for viewers: volumes, errors and what opens them, in a folder of its own."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd

from connectograph.errors import InputError
from connectograph.evaluation.layers import read_layers, read_tables
from connectograph.evaluation.rendering import read_report
from connectograph.io.chunked_write import replacing_folder
from connectograph.io.files import dump_json, explain_errors, write_atomic
from connectograph.io.runs import read_run
from connectograph.io.viewer_layers import Layer, write_precomputed, write_webknossos
from connectograph.viewers import (
    Frame,
    build_nml,
    build_state,
    build_url,
    check_address,
    check_template,
    fill_template,
    iterate_errors,
    link_position,
    list_errors,
    write_script,
    write_server,
)
from connectograph.viewers.neuroglancer import DEMO
from connectograph.volumes import Volume

__all__ = ["SERVED", "VIEWERS", "export_run"]

VIEWERS = ("webknossos", "neuroglancer", "napari")

SERVED = "http://127.0.0.1:9000"
"""Where neuroglancer looks for exported layers unless told: what serve.py serves."""

_RECORD = "export.json"
_PORT = 9000
_COLUMNS = ("outcome", "source", "target", "synapse_id", "n_synapses", "n_voxels", "cause", "z_nm", "y_nm", "x_nm")


@dataclass(frozen=True, eq=False)
class _Run:
    """What a viewer is given."""

    folder: Path
    name: str
    frame: Frame
    errors: pd.DataFrame
    directed: bool
    url: str | None
    viewer: str


def export_run(
    directory: str | Path,
    viewer: str,
    *,
    out: str | Path | None = None,
    url: str | None = None,
    viewer_url: str = DEMO,
    link_template: str | None = None,
    max_errors: int = 1000,
    overwrite: bool = False,
) -> Path:
    """Write a run's volumes and errors for a viewer.

    Parameters
    ----------
    directory : str or Path
        A run directory, whose inputs are still there.
    viewer : {"webknossos", "neuroglancer", "napari"}
        webknossos: a dataset (``dataset/``: segmentation, truth, predicted, errors, ...) and the errors as an
        annotation (``errors.nml``). neuroglancer: the layers in precomputed form, ``state.json`` with all of them,
        ``states/`` with one file for each error, and ``serve.py``, which serves the folder. napari: a script. All:
        ``errors.csv``, with a link for each error.
    out : str or Path, optional
        Folder to write; by default one named like the viewer in the run directory.
    url : str, optional
        neuroglancer: where the folder will be served; by default by its ``serve.py``. webknossos: the dataset's
        address there, for the links.
    viewer_url : str
        Where neuroglancer runs.
    link_template : str, optional
        Of the links instead: see :func:`connectograph.viewers.check_template`.
    max_errors : int
        At most as many errors, the costliest; ``export.json`` says how many there are.
    overwrite : bool
        Replace an earlier export.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    InputError
        If the directory holds no run, an input is gone or has changed, or the folder is not an earlier export.

    Examples
    --------
    >>> export_run("runs/A", "blender")
    Traceback (most recent call last):
    connectograph.errors.InputError: The viewer is 'blender'; expected one of webknossos, neuroglancer, napari.
    """
    if viewer not in VIEWERS:
        raise InputError(f"The viewer is {viewer!r}; expected one of {', '.join(VIEWERS)}.")
    if max_errors < 1:
        raise InputError(f"max_errors is {max_errors}; expected 1 or more.")
    for address, what in ((url, "The address"), (viewer_url, "The viewer's address")):
        if address is not None:
            check_address(address, what)
    if link_template is not None:
        check_template(link_template)
    folder, target = Path(directory), Path(directory, viewer) if out is None else Path(out)
    errors, run = _open_run(folder, url, viewer_url, max_errors)
    _refuse_target(target, overwrite)
    layers = {} if viewer == "napari" else read_layers(folder)
    with explain_errors(target):
        target.parent.mkdir(parents=True, exist_ok=True)
    with replacing_folder(target) as new:
        links = _WRITERS[viewer](run, layers, new)
        if link_template is not None:
            links = [fill_template(link_template, error) for error in iterate_errors(run.errors)]
        _write_errors(new, run.errors, links)
        about = {"viewer": viewer, "run": run.name, "n_errors": len(errors), "n_errors_written": len(run.errors)}
        write_atomic(new / _RECORD, dump_json({"schema": "connectograph.export/1", **about, "layers": list(layers)}))
    return target


def _open_run(folder: Path, url: str | None, viewer: str, most: int) -> tuple[pd.DataFrame, _Run]:
    """All errors of a run directory, and what a viewer is given of them."""
    record, report = read_run(folder), read_report(folder)
    frame = Frame.from_report(report)
    if frame is None:
        raise InputError(f"{folder} compares graphs: it has no volume to show errors in. Evaluate one with a volume.")
    errors = list_errors(read_tables(folder), frame)
    name = str(record.get("name") or folder.resolve().name)
    directed = bool((report["edges"] or {}).get("directed"))
    return errors, _Run(folder, name, frame, errors.iloc[:most], directed, url, viewer)


def _refuse_target(target: Path, overwrite: bool) -> None:
    """Only an earlier export is replaced, and an empty folder."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    if not (target / _RECORD).is_file():
        raise InputError(f"{target} exists, and is no earlier export: it is not touched. Choose another --out.")
    if not overwrite:
        raise InputError(f"{target} holds an export already: pass --overwrite to replace it, or choose another --out.")


def _write_errors(folder: Path, errors: pd.DataFrame, links: list[str]) -> None:
    table = errors[list(_COLUMNS)].assign(**{f"{axis}_voxel": errors[axis] for axis in "zyx"}, link=links)
    write_atomic(folder / "errors.csv", table.to_csv(index=False))


def _as_layers(volumes: Mapping[str, Volume]) -> dict[str, Layer]:
    return {name: Layer(volume.labels, image=name == "raw") for name, volume in volumes.items()}


def _write_webknossos(run: _Run, volumes: Mapping[str, Volume], folder: Path) -> list[str]:
    dataset = folder / "dataset"
    dataset.mkdir()
    frame = run.frame
    write_webknossos(dataset, _as_layers(volumes), name=run.name, voxel_size=frame.voxel_size, origin=frame.origin)
    nml = build_nml(run.errors, frame, dataset=run.name, directed=run.directed)
    write_atomic(folder / "errors.nml", nml)
    return ["" if run.url is None else link_position(run.url, error) for error in iterate_errors(run.errors)]


def _write_neuroglancer(run: _Run, volumes: Mapping[str, Volume], folder: Path) -> list[str]:
    base = (run.url or SERVED).rstrip("/")
    for name, layer in _as_layers(volumes).items():
        write_precomputed(folder / name, layer, voxel_size=run.frame.voxel_size, origin=run.frame.origin)
    sources = {name: f"precomputed://{base}/{name}" for name in volumes}
    whole = build_state(run.errors, run.frame, sources, directed=run.directed)
    _write_state(folder / "state.json", whole)
    (folder / "states").mkdir()
    links = []
    for number in range(len(run.errors)):
        error = run.errors.iloc[number : number + 1]
        name = f"states/{number + 1}-{error.iloc[0]['outcome']}.json"
        placed = not math.isnan(error.iloc[0]["x"])
        if placed:
            _write_state(folder / name, build_state(error, run.frame, sources, directed=run.directed))
        links.append(build_url(f"{base}/{name}", viewer=run.viewer) if placed else "")
    link = build_url(f"{base}/state.json", viewer=run.viewer)
    write_atomic(folder / "serve.py", write_server(link, port=_PORT))
    return links


def _write_state(path: Path, state: Mapping[str, Any]) -> None:
    write_atomic(path, json.dumps(state, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def _write_napari(run: _Run, volumes: Mapping[str, Volume], folder: Path) -> list[str]:
    write_atomic(folder / "view.py", write_script(str(run.folder.resolve()), "view.py"))
    return [""] * len(run.errors)


_WRITERS: dict[str, Callable[[_Run, Mapping[str, Volume], Path], list[str]]] = {
    "webknossos": _write_webknossos,
    "neuroglancer": _write_neuroglancer,
    "napari": _write_napari,
}
