"""Volumes piece by piece: plan blocks, run pure functions over them on an engine, merge what they return.

Conventions: a block function takes ``(array, origin)`` (the voxels and the (z, y, x) index of their first one) and
returns a few small arrays; merging is exact (sums of integers, sorted runs), so that neither the blocks nor the number
or kind of workers can change a bit of the result.
"""

from connectograph.blocks.derived import ChangedLabels, PairedLabels
from connectograph.blocks.engines import Engine, EngineLike, open_engine
from connectograph.blocks.folding import fold_blocks, fold_tasks, map_blocks
from connectograph.blocks.memory import MemoryPlan, parse_size, plan_memory
from connectograph.blocks.plan import BLOCK_SHAPE, as_label_block, iterate_blocks
from connectograph.blocks.tasks import Part

__all__ = [
    "BLOCK_SHAPE",
    "ChangedLabels",
    "Engine",
    "EngineLike",
    "MemoryPlan",
    "PairedLabels",
    "Part",
    "as_label_block",
    "fold_blocks",
    "fold_tasks",
    "iterate_blocks",
    "map_blocks",
    "open_engine",
    "parse_size",
    "plan_memory",
]
