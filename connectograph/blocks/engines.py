"""Who works on the blocks: threads of this process, other processes, or a Dask cluster.

All engines take tasks in order and hand back results in order, keep only a few tasks waiting, try a task that failed
again, and then name the block at fault. None of them changes a result.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias

from connectograph._program import default_workers
from connectograph.blocks.runners import Runner, ThreadRunner
from connectograph.errors import InputError

if TYPE_CHECKING:
    from connectograph.io.checkpoints import Checkpoints

__all__ = ["ENGINES", "Engine", "EngineLike", "open_engine"]

ENGINES = ("threads", "processes", "dask")


@dataclass(frozen=True, eq=False)
class Engine:
    """An open engine, from :func:`open_engine`.

    Attributes
    ----------
    runner : Runner
    checkpoints : Checkpoints or None
        Where finished work is kept.
    stage : str
        What the work is called there; '' is not kept.
    block_bytes : int or None
        Larger blocks are worked on in parts.
    """

    runner: Runner
    checkpoints: Checkpoints | None = None
    stage: str = ""
    block_bytes: int | None = None

    def at(self, stage: str) -> Engine:
        """The same engine for one pass over a volume."""
        return replace(self, stage=stage)


EngineLike: TypeAlias = "Engine | str | Any | None"
"""An open engine, "threads", "processes", "dask", "dask:ADDRESS", a ``distributed.Client``, or None: threads."""


@contextmanager
def open_engine(
    engine: EngineLike = None,
    workers: int | None = None,
    *,
    block_bytes: int | None = None,
    checkpoints: Checkpoints | None = None,
) -> Iterator[Engine]:
    """An engine for as long as the ``with`` block runs.

    Parameters
    ----------
    engine : str, distributed.Client, Engine or None
        "threads" (also None), "processes", "dask" (a cluster on this machine), "dask:tcp://HOST:PORT" (that of a
        scheduler) or a client. An open engine is handed through and stays open.
    workers : int, optional
        By default :func:`default_workers`; a cluster that is there already has its own number.
    block_bytes : int, optional
        Larger blocks are worked on in parts.
    checkpoints : Checkpoints, optional
        Where finished work is kept.

    Yields
    ------
    Engine

    Raises
    ------
    InputError
        If there is no such engine, or its library or scheduler is missing.

    Examples
    --------
    >>> with open_engine("threads", workers=2) as engine:
    ...     engine.runner.name, engine.runner.workers
    ('threads', 2)
    """
    if isinstance(engine, Engine):
        yield engine
        return
    runner = _make_runner(engine, workers or default_workers())
    try:
        yield Engine(runner, checkpoints, block_bytes=block_bytes)
    except BaseException:
        runner.stop()
        raise
    finally:
        runner.close()


def _make_runner(engine: EngineLike, workers: int) -> Runner:
    if engine in (None, "threads"):
        return ThreadRunner(workers)
    if engine == "processes":
        from connectograph.blocks.processes import ProcessRunner

        return ProcessRunner(workers)
    if not isinstance(engine, str) or engine == "dask" or engine.startswith("dask:"):
        from connectograph.blocks.cluster import open_cluster

        return open_cluster(engine, workers)
    raise InputError(f"engine is {engine!r}; expected one of {', '.join(ENGINES)}, or dask:tcp://HOST:PORT.")
