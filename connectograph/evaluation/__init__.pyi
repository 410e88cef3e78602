from .comparison import compare_connectomes
from .export import export_run
from .heat import HeatPoint, HeatSweep, sweep_heat_map
from .job import evaluate
from .layers import read_layers
from .result import Evaluation
from .verification import render_run, verify_run

__all__ = [
    "Evaluation",
    "HeatPoint",
    "HeatSweep",
    "compare_connectomes",
    "evaluate",
    "export_run",
    "read_layers",
    "render_run",
    "sweep_heat_map",
    "verify_run",
]
