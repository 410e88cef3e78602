"""How connectograph is tested.

1. A number is right when someone counted it by hand, when a slow and obvious program (``oracles.py``) finds it too, or
   when the reference laboratory pipeline printed it (``golden/``). A test never takes its expectation from the code
   that it tests.
2. ``oracles.py`` is written from the definitions alone and imports nothing of the library.
3. Tables and counts are compared exactly, ids as integers; positions to rounding; whatever must not depend on blocks,
   threads or file formats, byte by byte.
4. Small cases have names (``cases.py``); random ones (``scenes.py``) are drawn by hypothesis from a fixed seed, so that
   a run can be repeated; ``pytest --hypothesis-profile thorough`` draws many more, other ones each time. A failure that
   hypothesis found becomes a named test.
5. Every fault that the reference pipeline had has a test ``test_pitfall_Sxx`` that fails when its mending is undone.
6. Any warning is a failure. Nothing is skipped but what needs data that cannot be part of the repository, and then
   the reason is given. No test knows the order of the tests, the network, or a path of one machine.
7. Messages are part of the product: a test of an error says which words a reader needs to mend it.
8. The command line is tested from outside: exit code, what is printed, what lies on disk; as a process of its own
   wherever the surroundings could matter.
"""

from __future__ import annotations

import gc
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

import connectograph as cg

COMMON = {"deadline": None, "database": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("repeatable", max_examples=30, derandomize=True, **COMMON)
settings.register_profile("thorough", max_examples=1000, **COMMON)  # pytest --hypothesis-profile thorough
settings.load_profile("repeatable")

VOXEL_SIZE = (40.0, 4.0, 4.0)


def pytest_collection_finish() -> None:
    """What is loaded by now stays to the end: the garbage collector need not look through it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture
def volume() -> Callable[..., cg.Volume]:
    """Volume from nested lists or an array, in the voxel size of the CREMI data."""

    def make(labels, dtype="uint64", voxel_size=VOXEL_SIZE, **place) -> cg.Volume:
        return cg.Volume(np.asarray(labels, dtype=dtype), voxel_size=voxel_size, **place)

    return make


@pytest.fixture
def two_neurons() -> dict[str, np.ndarray]:
    """Neurons 10 and 20 side by side, a true synapse 5 on their border, the same predicted as a mask."""
    segmentation, truth = np.zeros((3, 8, 8), "uint64"), np.full((3, 8, 8), 2**64 - 1, "uint64")
    segmentation[:, :, 1:4], segmentation[:, :, 4:7] = 10, 20
    truth[1, 3:5, 3:5] = 5
    return {"segmentation": segmentation, "truth": truth, "predicted": (truth == 5).astype("uint64")}


@pytest.fixture
def evaluate() -> Callable[..., cg.Evaluation]:
    """Evaluate bare arrays."""

    def run(segmentation, truth, predicted=None, *, voxel_size=VOXEL_SIZE, offset=(0.0, 0.0, 0.0), **options):
        def volume(array):
            return None if array is None else cg.Volume(array, voxel_size=voxel_size, offset=offset)

        return cg.evaluate(volume(segmentation), truth=volume(truth), predicted=volume(predicted), **options)

    return run
