"""How time and memory grow with the volume: measured to two gigavoxels, extrapolated on paper to a cubic millimetre.

    python analysis/scaling.py --out DIR [--quick] [--data DIR]

Evaluates tiled phantoms from Zarr, each in a process of its own (``benchmarks/scale.py``), on every engine; writes
``scaling.csv``, ``.pdf`` and ``.json`` (provenance) to DIR. Needs 300 MB of disk.
"""

from __future__ import annotations

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from common import write_study
from matplotlib.figure import Figure

SCALE = Path(__file__).resolve().parent / "benchmarks" / "scale.py"
FULL = {"tile": (128, 640, 640), "n_segments": 2250, "n_synapses": 150}
QUICK = {"tile": (32, 160, 160), "n_segments": 40, "n_synapses": 8}
TILES = ((1, 1, 1), (1, 2, 2), (10, 2, 2))
ENGINES = (("threads", 1), ("processes", 2), ("dask", 2))
"""Besides threads with two workers, on the middle volume."""

CUBIC_MILLIMETRE = 1e18
ASSUMPTIONS = {
    "voxel_volumes_nm3": {"40x4x4 nm": 640, "40x8x8 nm": 2560},
    "workers": 1000,
    "time": "processor time a voxel as between the two largest volumes; workers share it evenly; storage keeps up",
    "memory": "grows as between the two largest volumes, all in the process that merges what the workers found",
    "density": "segments and synapses per voxel as in the phantom",
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="volumes of a sixty-fourth of the size")
    parser.add_argument("--data", type=Path, metavar="DIR", help="keep the volumes here, and find them again")
    options = parser.parse_args(argv)
    case = QUICK if options.quick else FULL
    with tempfile.TemporaryDirectory() as temporary:
        table = pd.DataFrame(measure(case, options.data or Path(temporary)))
    table = pd.concat([table, extrapolate(table)], ignore_index=True)
    write_study(options.out, "scaling", table, draw(table), {**case, "tiles": TILES, "assumptions": ASSUMPTIONS})
    print(table.to_string(index=False, float_format="%.4g"))
    return 0


def measure(case: dict[str, Any], folder: Path) -> Iterator[dict[str, Any]]:
    """One row a volume and engine."""
    for tiles in TILES:
        shape = tuple(n * size for n, size in zip(tiles, case["tile"], strict=True))
        for engine, workers in (("threads", 2), *(ENGINES if tiles == TILES[1] else ())):
            triples = [",".join(map(str, triple)) for triple in (case["tile"], tiles)]
            command = [SCALE, folder, *triples, case["n_segments"], case["n_synapses"], engine, workers]
            done = subprocess.run([sys.executable, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True)
            point, voxels = json.loads(done.stdout), math.prod(shape)
            row = {"kind": "measured", "volume": "x".join(map(str, shape)), "voxels": float(voxels)}
            row |= {"engine": engine, "workers": workers, **point}
            yield row | {"cpu_ns_per_voxel": point["cpu_seconds"] / voxels * 1e9}


def extrapolate(table: pd.DataFrame) -> pd.DataFrame:
    """A cubic millimetre on paper, along the line through the two largest volumes."""
    threads = table[table["engine"].eq("threads") & table["workers"].eq(2)]
    less, more = (threads.iloc[k] for k in (-2, -1))
    rows = []
    for name, volume in ASSUMPTIONS["voxel_volumes_nm3"].items():
        voxels = CUBIC_MILLIMETRE / volume
        steps = (voxels - more["voxels"]) / (more["voxels"] - less["voxels"])
        columns = ("n_segments", "n_synapses", "cpu_seconds", "peak_mib")
        grown = {column: more[column] + (more[column] - less[column]) * steps for column in columns}
        row = {"kind": "on paper", "volume": f"1 mm3 at {name}", "voxels": voxels, "engine": "threads"}
        row |= {"workers": ASSUMPTIONS["workers"], "seconds": grown["cpu_seconds"] / ASSUMPTIONS["workers"], **grown}
        rows.append(row | {"cpu_ns_per_voxel": grown["cpu_seconds"] / voxels * 1e9})
    return pd.DataFrame(rows)[table.columns]


def draw(table: pd.DataFrame) -> Figure:
    """Processor time and peak memory over voxels, threads with two workers; dashed: on paper."""
    measured = table[table["kind"].eq("measured")]
    solid = measured[measured["workers"].eq(2) & measured["engine"].eq("threads")]
    paper = pd.concat([solid.tail(1), table[table["kind"].eq("on paper")]]).sort_values("voxels")
    figure = Figure(figsize=(8, 3.6), layout="constrained")
    for axes, (column, label) in zip(
        figure.subplots(1, 2), (("cpu_seconds", "processor time (s)"), ("peak_mib", "peak memory (MiB)")), strict=True
    ):
        axes.plot(solid["voxels"], solid[column], "o-", label="threads, 2 workers")
        axes.plot(paper["voxels"], paper[column], "--", color="C0", label="on paper")
        for engine, rows in measured.groupby("engine"):
            if engine != "threads":
                axes.plot(rows["voxels"], rows[column], "x", label=engine)
        axes.set(xscale="log", yscale="log", xlabel="voxels", ylabel=label)
    figure.axes[0].legend(frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
