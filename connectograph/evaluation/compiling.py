"""A first run with both hands: a second process compiles the kernels of contacts, this one most of the comparison's.

numba compiles one kernel at a time, whatever the number of threads, and keeps the machine code on disk. A process that
needs a kernel which another one has compiled only loads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from connectograph._program import begin_program, start_helper
from connectograph.contacts import dilation_offsets
from connectograph.evaluation.measures import measure_connectomes
from connectograph.graphs import align
from connectograph.tables import make_table

__all__ = ["compile_aside", "use_comparison_kernels", "use_contact_kernels"]


@contextmanager
def compile_aside() -> Iterator[None]:
    """Compile the kernels of intervals, then those of contacts, in another process while the block runs."""
    process = start_helper("connectograph.evaluation.compiling")
    try:
        yield
    finally:
        process.kill()  # finished, or no longer needed: numba writes its files whole or not at all
        process.wait()


def use_contact_kernels() -> None:
    """Use the kernels of a segmentation and of synapses beside it once, those first that are needed first."""
    from connectograph._kernels.neighbours import close_voxels, gather_block
    from connectograph._kernels.runs import paint_runs
    from connectograph._kernels.segments import measure_block

    block, offsets = np.ones((3, 3, 3), np.uint64), dilation_offsets(1, None, (1.0, 1.0, 1.0))
    run = np.zeros(1, np.int64), np.full(1, 3, np.int32), np.zeros(1, np.int64)
    *_, open_voxels = gather_block(block, (0, 0, 0), (4, 3, 3), *run, offsets)
    measure_block(block, 0, 0, 0)
    close_voxels(open_voxels, 3, 3, len(offsets))
    paint_runs(block, 0, 0, 0, *run[:2], np.ones(1, np.uint64), 3, 3)


def use_comparison_kernels() -> None:
    """Use the kernels that compare two connectomes, and the clefts of both, once."""
    from connectograph._kernels.distances import index_rows, run_distances

    edges = make_table(
        "edges",
        {"source": [1, 2], "target": [2, 3], "n_synapses": [1, 2], "n_voxels": [1, 1],
         **{f"{axis}_nm": [0.0, 0.0] for axis in "zyx"}},
    )  # fmt: skip
    measure_connectomes(align(edges, edges), {})
    run = np.zeros(1, np.int64), np.full(1, 3, np.int32)
    run_distances(*run, index_rows(*run, (3, 3, 3)), (3, 3, 3), (1.0, 1.0, 1.0))


def use_interval_kernels() -> None:
    """Use the kernels of intervals over neurons once: those of a comparison that take longest to compile."""
    from connectograph._kernels.ranking import cosine_without, overlap_without

    rows = np.array([0, 1]), *(np.ones(1, np.int64),) * 3
    overlap_without(*rows, 1, 1)
    cosine_without(*rows, 1)


if __name__ == "__main__":
    begin_program()
    use_interval_kernels()  # the first process comes to them when these are done
    use_contact_kernels()
