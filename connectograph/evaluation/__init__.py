"""The whole job: volumes or tables in, :class:`Evaluation` out, a run directory on disk.

Functions: :func:`evaluate` (volumes), :func:`compare_connectomes` (edge tables, count matrices, graphs),
:func:`render_run` and :func:`verify_run` (run directories).
"""

from connectograph.evaluation.comparison import compare_connectomes
from connectograph.evaluation.job import evaluate
from connectograph.evaluation.result import Evaluation
from connectograph.evaluation.verification import render_run, verify_run

__all__ = ["Evaluation", "compare_connectomes", "evaluate", "render_run", "verify_run"]
