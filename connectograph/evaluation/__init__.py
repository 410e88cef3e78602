"""The whole job: volumes or tables in, :class:`Evaluation` out, a run directory on disk.

Functions: :func:`evaluate` (volumes), :func:`sweep_heat_map` (a heat map at many thresholds),
:func:`compare_connectomes` (edge tables, count matrices, graphs), :func:`render_run` and :func:`verify_run` (run
directories).
"""

from connectograph.evaluation.comparison import compare_connectomes
from connectograph.evaluation.heat import HeatPoint, HeatSweep, sweep_heat_map
from connectograph.evaluation.job import evaluate
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.verification import render_run, verify_run

__all__ = [
    "Evaluation",
    "HeatPoint",
    "HeatSweep",
    "compare_connectomes",
    "evaluate",
    "render_run",
    "sweep_heat_map",
    "verify_run",
]
