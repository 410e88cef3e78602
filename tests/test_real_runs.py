"""A crop of a real segmentation: the same bytes from every engine, number of workers and file format."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import chunked
import numpy as np
import pytest

import connectograph as cg
from connectograph.blocks import open_engine

REAL = Path(__file__).resolve().parents[2] / "shared" / "data" / "pinky40" / "evaluation_128x512x512.hdf"
CROP = (slice(40, 64), slice(64, 192), slice(128, 288))
ROLES = ("segmentation", "truth", "predicted")
FORMS = ("zarr2", "zarr3", "n5", "precomputed")

pytestmark = pytest.mark.skipif(not REAL.is_file(), reason="real data are not beside the repository")


@pytest.fixture(scope="module")
def crops() -> dict[str, cg.Volume]:
    segmentation = cg.read_volume(REAL, role="segmentation")
    predicted = cg.read_volume(REAL.with_name("prediction_128x512x512.xz"), role="predicted", like=segmentation)
    volumes = (segmentation, cg.read_volume(REAL, role="truth"), predicted)
    return {
        role: cg.Volume(np.ascontiguousarray(volume.labels[CROP]), volume.voxel_size)
        for role, volume in zip(ROLES, volumes, strict=True)
    }


@pytest.fixture(scope="module")
def copies(crops: dict[str, cg.Volume], tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """Files of each form, by role."""
    folder = tmp_path_factory.mktemp("copies")
    files = {
        form: {role: chunked.WRITERS[form](crops[role], folder / f"{role}.{form}") for role in ROLES} for form in FORMS
    }
    files["hdf"] = {role: f"{folder}/{role}.hdf:labels" for role in ROLES}
    for role in ROLES:
        cg.write_volume(files["hdf"][role], crops[role])
    return files


def bytes_of_run(files: dict[str, object], folder: Path, **options: object) -> dict[str, bytes]:
    """All that a run leaves, but for run.json, which says how it was made."""
    sources = {role: files[role] for role in ROLES[1:]}
    ev = cg.evaluate(files[ROLES[0]], **sources, contactome=True, min_segment_voxels=50, **options)
    ev.write(folder, reports=False)
    assert ev.report["edges"]["tp"] > 5
    found = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    return {name: file.read_bytes() for name, file in found.items() if name != "run.json"}


@pytest.mark.slow
def test_real_tissue_gives_the_same_bytes_on_any_engine_from_any_format(crops, copies, tmp_path):
    expected = bytes_of_run(crops, tmp_path / "memory", workers=1)
    assert {"report.json", "tables/contactome.parquet", "tables/segments.parquet"} <= expected.keys()
    for engine in ("threads", "processes", "dask"):
        for workers in (1, 2):
            with open_engine(engine, workers) as opened:
                for form in copies if workers == 2 else ("hdf",):
                    folder = tmp_path / f"{engine}-{workers}-{form}"
                    assert bytes_of_run(copies[form], folder, engine=opened) == expected, folder.name


LIMITED = """
import sys
from pathlib import Path
import connectograph as cg
cg.evaluate(sys.argv[1], predicted=sys.argv[2], engine="threads", max_memory="700MiB")
status = dict(line.split(":") for line in Path("/proc/self/status").read_text().splitlines())
print(int(status["VmHWM"].split()[0]) >> 10)
"""


@pytest.mark.slow
def test_pitfall_F20_a_run_keeps_within_its_budget():
    """The labels of this case alone are 256 MiB, and as many of synapses; the peak is the program's, in MiB."""
    command = [sys.executable, "-c", LIMITED, REAL, REAL.with_name("prediction_128x512x512.xz")]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True, timeout=200)
    assert 100 < int(done.stdout) <= 700
