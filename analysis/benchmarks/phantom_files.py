"""Write a phantom as the files a laboratory would have: python phantom_files.py FOLDER SHAPE N_SEGMENTS N_SYNAPSES."""

from __future__ import annotations

import lzma
import pickle
import sys
from pathlib import Path
from typing import Any

import h5py

from connectograph.synthetic import make_phantom

CHUNKS = (13, 157, 157)


def write_phantom(folder: Path, shape: tuple[int, int, int], n_segments: int, n_synapses: int) -> None:
    """CREMI file with segments and clefts (uint64, gzip 4), and the prediction as a pickled uint16 array in xz."""
    phantom = make_phantom(shape, n_segments=n_segments, n_synapses=n_synapses, rng=0)
    folder.mkdir(parents=True, exist_ok=True)
    with h5py.File(folder / "case.hdf", "w") as file:
        for name, volume in (("neuron_ids", phantom.segmentation), ("clefts", phantom.truth)):
            _write_dataset(file, f"volumes/labels/{name}", volume)
    with lzma.open(folder / "prediction.xz", "wb") as stream:
        pickle.dump(phantom.predicted.labels, stream, protocol=4)


def _write_dataset(file: h5py.File, name: str, volume: Any) -> None:
    chunks = tuple(min(chunk, size) for chunk, size in zip(CHUNKS, volume.shape, strict=True))
    dataset = file.create_dataset(name, data=volume.labels, chunks=chunks, compression="gzip", compression_opts=4)
    dataset.attrs["resolution"] = volume.voxel_size
    dataset.attrs["offset"] = volume.offset


if __name__ == "__main__":
    z, y, x = map(int, sys.argv[2].split(","))
    write_phantom(Path(sys.argv[1]), (z, y, x), int(sys.argv[3]), int(sys.argv[4]))
