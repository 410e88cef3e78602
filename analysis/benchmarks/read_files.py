"""What cannot be avoided: h5py and lzma reading a case's files in one thread: python read_files.py FOLDER."""

from __future__ import annotations

import lzma
import sys
from pathlib import Path

import h5py


def read_files(folder: Path) -> int:
    """Read both volumes whole and inflate the prediction, without unpickling it; the number of bytes."""
    with h5py.File(folder / "case.hdf") as file:
        total = sum(int(file[f"volumes/labels/{name}"][:].nbytes) for name in ("neuron_ids", "clefts"))
    with lzma.open(folder / "prediction.xz") as stream:
        while piece := stream.read(2**22):
            total += len(piece)
    return total


if __name__ == "__main__":
    print(read_files(Path(sys.argv[1])))
