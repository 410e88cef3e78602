"""The whole job: volumes or tables in, :class:`Evaluation` out, a run directory on disk.

Functions: :func:`evaluate` (volumes), :func:`sweep_heat_map` (a heat map at many thresholds),
:func:`compare_connectomes` (edge tables, count matrices, graphs), :func:`render_run` and :func:`verify_run` (run
directories). Names load their module when they are first used: inputs are opened, and refused, before the rest loads.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
