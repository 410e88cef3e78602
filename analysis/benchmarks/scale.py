"""Volumes of any size, evaluated block by block from Zarr: time per voxel, peak memory, engines side by side.

    python scale.py FOLDER TILE TILES N_SEGMENTS N_SYNAPSES ENGINE WORKERS

Writes the volumes (see tiled_phantom.py) to FOLDER unless they are there, evaluates them in a process of its own, and
prints what that took as JSON. Processor time is measured too: on a busy machine it says more than the clock.
"""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from measuring import Cost, Row, make_row, run_command, script

TARGET_RATIO, TARGET_MIB = 1.2, 1.3 * 1024


@dataclass(frozen=True)
class Tiling:
    """A tile (z, y, x), what is in it, and how often it is repeated along z, y and x."""

    tile: str
    tiles: str
    n_segments: int
    n_synapses: int

    @property
    def shape(self) -> tuple[int, ...]:
        pairs = zip(self.tile.split(","), self.tiles.split(","), strict=True)
        return tuple(int(size) * int(n) for size, n in pairs)


@dataclass(frozen=True)
class Point:
    """What an evaluation found and took."""

    n_segments: int
    n_synapses: int
    seconds: float
    cpu_seconds: float
    peak_mib: float


def scale_rows(folder: Path, small: Tiling, large: Tiling) -> Iterator[Row]:
    """The larger volume against the smaller one, then the engines on the smaller one; two workers each."""
    with tempfile.TemporaryDirectory(dir=make_folder(folder)) as temporary:
        homes = {tiling: write_tiles(Path(temporary), tiling) for tiling in (small, large)}
        evaluate(homes[small])  # compiled kernels are in their cache from now on
        points = {tiling: evaluate(home) for tiling, home in homes.items()}
        others = {name: evaluate(homes[small], name) for name in ("processes", "dask")}
    yield from growth_rows(points, small, large)
    threads = points[small]
    for name, against, baseline in (
        ("processes", "threads", threads),
        ("dask", "threads", threads),
        ("dask", "processes", others["processes"]),
    ):
        job, costs = f"evaluate, {name}", {"ours": as_cost(others[name]), "baseline": as_cost(baseline)}
        yield make_row(job, f"{against}, 2 workers each", show(small), "ours / baseline", None, costs, 1)


def growth_rows(points: dict[Tiling, Point], small: Tiling, large: Tiling) -> Iterator[Row]:
    """Time per voxel, by the clock and by the processor, and both peaks."""
    n_times = product(large.shape) / product(small.shape)
    less, more = points[small], points[large]
    if more.n_segments != n_times * less.n_segments or more.n_synapses != n_times * less.n_synapses:
        raise SystemExit(f"{n_times:g} times the volume holds {more}, and the small one {less}")
    for job, seconds in (("time per voxel", "seconds"), ("processor time per voxel", "cpu_seconds")):
        costs = {"ours": Cost(getattr(more, seconds) / n_times), "baseline": Cost(getattr(less, seconds))}
        size = f"{show(large)}, times by {n_times:g}"
        yield make_row(f"evaluate, {job}", show(small), size, "ours / baseline", TARGET_RATIO, costs, 1)
    for tiling, point in ((small, less), (large, more)):
        costs = {"ours": as_cost(point), "baseline": as_cost(less)}
        yield make_row("evaluate from Zarr, memory", "1.3 GiB", show(tiling), "peak MiB", TARGET_MIB, costs, 1)


def write_tiles(folder: Path, tiling: Tiling) -> Path:
    """The volumes' folder; they are written unless they are there."""
    home = folder / "x".join(map(str, tiling.shape))
    if not all((home / f"{name}.zarr").exists() for name in ("segmentation", "truth", "predicted")):
        run_command(
            *script("tiled_phantom.py", home, tiling.tile, tiling.tiles, str(tiling.n_segments), str(tiling.n_synapses))
        )
    return home


def evaluate(home: Path, engine: str = "threads", workers: int = 2) -> Point:
    """The whole command, with everything it writes."""
    volumes = [home / f"{name}.zarr" for name in ("segmentation", "truth", "predicted")]
    with tempfile.TemporaryDirectory() as temporary:
        out = Path(temporary) / "run"
        cost = run_command(
            sys.executable, "-m", "connectograph", "evaluate", volumes[0], "--truth", volumes[1],
            "--predicted", volumes[2], "--engine", engine, "--workers", str(workers), "--no-report", "--out", out,
        )  # fmt: skip
        report = json.loads((out / "report.json").read_text())
    found = report["nodes"]["n_segments"], report["synapses"]["n_truth"]
    return Point(*found, cost.seconds, cost.cpu_seconds or 0.0, cost.peak_mib or 0.0)


def as_cost(point: Point) -> Cost:
    return Cost(point.seconds, point.peak_mib, point.cpu_seconds)


def make_folder(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def product(shape: tuple[int, ...]) -> int:
    z, y, x = shape
    return z * y * x


def show(tiling: Tiling) -> str:
    return "x".join(map(str, tiling.shape))


if __name__ == "__main__":
    chosen = Tiling(sys.argv[2], sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    print(json.dumps(asdict(evaluate(write_tiles(Path(sys.argv[1]), chosen), sys.argv[6], int(sys.argv[7])))))
