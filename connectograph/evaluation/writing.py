"""An evaluation as a run directory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from connectograph.evaluation.crops import cut_crops
from connectograph.evaluation.provenance import describe_machine
from connectograph.evaluation.rendering import CROPS, SLICES, draw_pdf_aside, render_reports
from connectograph.graphs import compress_adjacency
from connectograph.io.files import digest_store, dump_json, save_npz, write_atomic
from connectograph.io.graphs import write_adjacency, write_graphml
from connectograph.io.runs import Run, check_room, finish_run, open_run, place_file
from connectograph.io.sources import is_url
from connectograph.io.tables import write_table
from connectograph.report.contents import ReportContents
from connectograph.runs import RunLabels
from connectograph.synapses import Synapses

if TYPE_CHECKING:
    from connectograph.evaluation.result import Evaluation

__all__ = ["digest_inputs", "file_of", "write_evaluation"]

_SLICE_PIXELS = 640
_THREADS = 4  # to read what the report shows of the volumes, digest the inputs and write files at the same time
_AS_CSV = ("edge_outcomes", "fixes", "edges_truth", "edges_predicted")


def write_evaluation(
    evaluation: Evaluation,
    folder: Path,
    *,
    overwrite: bool,
    reports: bool,
    command: Sequence[str],
    identity: str = "",
    opened: Run | None = None,
) -> Path:
    """Write the run directory of an evaluation; see :meth:`Evaluation.write`.

    Runs of one study share its `identity`; `opened` is the directory if it is open already.
    """
    room = sum(int(table.memory_usage(deep=True).sum()) for table in evaluation.tables.values())
    if opened is not None:
        check_room(folder, room)
        place: AbstractContextManager[Run] = nullcontext(opened)
    else:
        place = open_run(folder, overwrite=overwrite, identity=identity, needed_bytes=room)
    # a command has the machine to itself; a program that calls the library may not want another process
    aside = draw_pdf_aside if reports and command else lambda folder: nullcontext(lambda record: lambda: None)
    with place as run, aside(run.folder) as draw_pdf, ThreadPoolExecutor(_THREADS) as pool:
        digests = pool.submit(digest_inputs, evaluation.run.get("inputs", {}))
        cuts = (
            {SLICES: pool.submit(_cut_slices, evaluation), CROPS: pool.submit(cut_crops, evaluation)} if reports else {}
        )
        writes = [pool.submit(write_table, *each) for each in _place_tables(run, evaluation)]
        write_atomic(place_file(run, "report.json"), dump_json(evaluation.report))
        shown = {name: cut.result() for name, cut in cuts.items()}
        for name, arrays in shown.items():
            if arrays is not None:
                save_npz(place_file(run, name), arrays)
        record = None
        if reports:  # the PDF takes longest, so it begins first
            _wait(writes)
            record = _describe_run(evaluation, command, digests.result())
            pdf = draw_pdf(record)
        writes += [pool.submit(*each) for each in _place_graphs(run, evaluation)]
        _wait(writes)
        record = record or _describe_run(evaluation, command, digests.result())
        if reports:
            contents = ReportContents(evaluation.report, record, dict(evaluation.tables), *shown.values())
            for name, data in render_reports(contents, pdf=pdf).items():
                write_atomic(place_file(run, name), data)
        finish_run(run, record)
    return folder


def _place_tables(run: Run, evaluation: Evaluation) -> Iterator[tuple[pd.DataFrame, Path]]:
    """Each table and the files that it becomes."""
    for name, table in evaluation.tables.items():
        yield table, place_file(run, f"tables/{name}.parquet")
        if name in _AS_CSV:
            yield table, place_file(run, f"tables/{name}.csv")


def _place_graphs(run: Run, evaluation: Evaluation) -> Iterator[tuple[Any, ...]]:
    """What writes each graph and each matrix, and its arguments."""
    for side, graph in evaluation.tabulate_graphs().items():
        yield write_graphml, graph, place_file(run, f"graphs/{side}.graphml")
        folder = place_file(run, f"adjacency/{side}.npz").parent
        for name in (f"{side}_ids.csv", f"{side}.png"):
            place_file(run, f"adjacency/{name}")
        nodes = np.array(graph.nodes.ids, np.uint64)
        matrix = compress_adjacency(evaluation.tables[f"edges_{side}"], nodes, directed=evaluation.directed)
        yield write_adjacency, folder, matrix, nodes, side


def _wait(jobs: Sequence[Future[Any]]) -> None:
    for job in jobs:
        job.result()


def _describe_run(
    evaluation: Evaluation, command: Sequence[str], inputs: Mapping[str, dict[str, Any]]
) -> dict[str, Any]:
    """What run.json says, but for the files of the run."""
    name = {"name": _name(evaluation), "command": list(command)}
    return {**name, **evaluation.run, "inputs": inputs, **describe_machine()}


def _name(evaluation: Evaluation) -> str:
    """What the report calls the prediction: its file's name."""
    path = file_of(evaluation.run.get("inputs", {}).get("predicted", {}).get("path", ""))
    return path.stem if path else ""


def digest_inputs(described: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Descriptions of inputs with size and SHA-256 of each file or folder; one that is named twice is read once."""
    known: dict[Path, dict[str, Any]] = {}
    result = {}
    for role, entry in described.items():
        if is_url(entry["path"]):
            result[role] = {**entry, "sha256": None, "sha256_reason": "an object store: its bytes are not read twice"}
            continue
        path = None if "sha256" in entry else file_of(entry["path"])
        if path is not None and path not in known:
            known[path] = dict(zip(("bytes", "sha256"), digest_store(path), strict=True))
        result[role] = {**entry, **known.get(path, {})} if path else entry
    return result


def file_of(name: str) -> Path | None:
    """The file in ``FILE:DATASET``; None for an input made in memory."""
    from connectograph.io import split_path

    return Path(split_path(name)[0]) if name else None


def _cut_slices(evaluation: Evaluation) -> dict[str, npt.NDArray[Any]] | None:
    """The section that holds true synapse voxels nearest to the middle (the middle one if there are none)."""
    volume = evaluation.volumes.get("segmentation")
    if volume is None or 0 in volume.shape:
        return None
    step = max(1, -(-max(volume.shape[1:]) // _SLICE_PIXELS))
    z = _choose_section(evaluation.synapses["truth"])
    box = (slice(z, z + 1), slice(None), slice(None))
    slices = {"z_index": np.array(z), "step": np.array(step)}
    for role in ("segmentation", "raw"):
        if role in evaluation.volumes:
            slices[role] = evaluation.volumes[role].labels[box][0, ::step, ::step]
    slices["segmentation"] = slices["segmentation"].astype(np.uint64)
    for role, synapses in evaluation.synapses.items():
        ids = synapses.ids[synapses.codes]
        labels = RunLabels(synapses.shape, synapses.starts, synapses.lengths, ids)
        slices[role] = labels[box][0, ::step, ::step]
    return slices


def _choose_section(truth: Synapses) -> int:
    depth, height, width = truth.shape
    sections = np.unique(truth.starts // (height * width))
    if len(sections) == 0:
        return depth // 2
    return int(sections[np.abs(sections - depth // 2).argmin()])
