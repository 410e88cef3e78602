"""The README's lines for a cluster, run as they stand on a cluster in this process in SLURM's place."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from distributed import LocalCluster

import connectograph as cg

HERE = Path(__file__).resolve().parent


def start_workers(*, cores: int, memory: str, walltime: str) -> Any:
    assert (memory, walltime) == ("4GB", "04:00:00")
    local = LocalCluster(
        n_workers=1, threads_per_worker=cores, processes=False, dashboard_address="127.0.0.1:0", silence_logs="CRITICAL"
    )
    local.scale = lambda n_workers: None
    return local


def test_the_cluster_case_of_the_readme(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, rest = HERE.with_name("README.md").read_text().partition("from dask_jobqueue")
    lines = "from dask_jobqueue" + rest.partition("```")[0]
    assert len([line for line in lines.splitlines() if line]) == 5
    monkeypatch.chdir(tmp_path)
    segmentation = cg.read_volume(HERE / "golden/phantom_a.hdf", role="segmentation")
    truth = cg.read_volume(HERE / "golden/phantom_a.hdf", role="truth")
    found = np.asarray(truth.labels[:, :, :])
    for name, labels in {"big": segmentation.labels, "clefts": found, "network": found}.items():
        cg.write_volume(f"{name}.zarr", cg.Volume(labels, segmentation.voxel_size, segmentation.offset))
    monkeypatch.setitem(sys.modules, "dask_jobqueue", SimpleNamespace(SLURMCluster=start_workers))
    names: dict[str, Any] = {"cg": cg}
    exec(compile(lines, "README.md", "exec"), names)
    names["cluster"].close()
    assert (names["ev"].run["engine"], names["ev"].edges.f1) == ("dask", 1.0)
