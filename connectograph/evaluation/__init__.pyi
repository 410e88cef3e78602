from .comparison import compare_connectomes
from .heat import HeatPoint, HeatSweep, sweep_heat_map
from .job import evaluate
from .result import Evaluation
from .verification import render_run, verify_run

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
