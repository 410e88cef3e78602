"""The demonstration's inputs: a phantom written as the files a laboratory would have."""

from __future__ import annotations

from pathlib import Path

from connectograph.errors import InputError
from connectograph.io import write_volume
from connectograph.io.files import explain_errors
from connectograph.io.runs import read_run
from connectograph.synthetic import make_phantom

__all__ = ["write_phantom"]

SEED = 1


def write_phantom(folder: Path) -> tuple[dict[str, str], bool]:
    """Write a small phantom beside the run that will evaluate it.

    Parameters
    ----------
    folder : Path
        The run directory; the files go into its folder ``inputs``.

    Returns
    -------
    files : dict of str to str
        "segmentation" (a CREMI file with clefts and raw data), "predicted" and "raw".
    again : bool
        Whether the folder holds an earlier demonstration, which may be replaced.

    Raises
    ------
    InputError
        If the folder holds something else, or cannot be written to.
    """
    again = _is_demo(folder)
    inputs = folder / "inputs"
    if inputs.exists() and not again:
        raise InputError(f"{inputs} exists and is not from a demonstration: choose another --out.")
    with explain_errors(inputs):
        inputs.mkdir(parents=True, exist_ok=True)
    phantom = make_phantom("small", rng=SEED)
    cremi, predicted = inputs / "phantom.hdf", inputs / "prediction.hdf"
    for file in (cremi, predicted):
        file.unlink(missing_ok=True)
    write_volume(cremi, phantom.segmentation, dataset="volumes/labels/neuron_ids")
    write_volume(cremi, phantom.truth, dataset="volumes/labels/clefts")
    write_volume(cremi, phantom.raw, dataset="volumes/raw")
    write_volume(predicted, phantom.predicted, dataset="volumes/labels/clefts")
    return {"segmentation": str(cremi), "predicted": str(predicted), "raw": str(cremi)}, again


def _is_demo(folder: Path) -> bool:
    try:
        command = read_run(folder).get("command") or [""]
    except InputError:
        return False
    return "demo" in command
