"""Who works on the blocks: threads of this process, other processes, or a Dask cluster.

All engines take tasks in order and hand back results in order, keep only a few tasks waiting, try a task that failed
again, and then name the block at fault. None of them changes a result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from connectograph.blocks.plan import default_workers
from connectograph.blocks.tasks import Task
from connectograph.errors import BlockFailed, InputError, WorkerLost

if TYPE_CHECKING:
    from connectograph.io.checkpoints import Checkpoints

__all__ = ["ENGINES", "Engine", "EngineLike", "Runner", "ThreadRunner", "open_engine"]

T = TypeVar("T")
TaskT = TypeVar("TaskT", bound=Task[Any])

ENGINES = ("threads", "processes", "dask")

_AHEAD_BYTES = 1 << 28
"""How far a stream may be unpacked ahead of the workers, e.g. while their kernels are loaded."""

_RETRIES = 2
PATIENCE_SECONDS = 600.0
"""How long an answer of another process is waited for; a task takes seconds."""


class Runner:
    """Runs tasks; each kind of engine says how.

    Parameters
    ----------
    workers : int
    ahead_bytes : int
        Tasks of more bytes than this do not wait together, beyond a few for each worker.
    """

    name = ""
    shared = False
    """Whether workers share this process's memory, so that a task costs nothing to hand over."""

    def __init__(self, workers: int, ahead_bytes: int) -> None:
        self.workers = workers
        self._ahead_bytes = ahead_bytes
        self._stopped = False

    def map(self, tasks: Iterable[TaskT]) -> Iterator[tuple[TaskT, Any]]:
        """All tasks and their results, in order; tasks are asked for as workers can take them."""
        pending: deque[tuple[TaskT, Future[Any]]] = deque()
        ahead = 0
        try:
            for task in tasks:
                pending.append((task, self.submit(task)))
                ahead += task.n_bytes
                while len(pending) > 4 * self.workers and ahead > self._ahead_bytes:
                    ahead -= pending[0][0].n_bytes
                    yield self._finish(*pending.popleft())
            while pending:
                yield self._finish(*pending.popleft())
        finally:
            for _, future in pending:
                future.cancel()

    def stop(self) -> None:
        """Let every :meth:`map` that is under way end at its next task."""
        self._stopped = True

    def submit(self, task: Task[T]) -> Future[T]:
        raise NotImplementedError

    def wait(self, task: Task[T], future: Future[T]) -> T:
        """The result of a task, or the exception that says why there is none."""
        return future.result()

    def close(self) -> None:
        """Give the workers back."""

    def _finish(self, task: TaskT, future: Future[Any]) -> tuple[TaskT, Any]:
        return task, self._result(task, future)

    def _result(self, task: Task[T], future: Future[T]) -> T:
        for attempt in range(_RETRIES + 1):
            if self._stopped:
                raise KeyboardInterrupt
            try:
                return self.wait(task, future)
            except (InputError, MemoryError):
                raise
            except Exception as error:
                reason = error
            if attempt < _RETRIES:
                future = self.submit(task)
        parts = task.split()
        if len(parts) > 1:  # one at a time: whichever fails now is the one
            return task.merge([self._result(part, self.submit(part)) for part in parts])
        message = f"{task} failed {_RETRIES + 1} times: {type(reason).__name__}: {reason}"
        # a fault of the program is no reason to try the run again
        raise (BlockFailed if isinstance(reason, (OSError, WorkerLost)) else RuntimeError)(message) from reason


class ThreadRunner(Runner):
    """Threads of this process: the kernels let each other run."""

    name = "threads"
    shared = True

    def __init__(self, workers: int, ahead_bytes: int = _AHEAD_BYTES) -> None:
        super().__init__(workers, ahead_bytes)
        self._pool = ThreadPoolExecutor(workers, "connectograph")

    def submit(self, task: Task[T]) -> Future[T]:
        return self._pool.submit(task)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


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
    ahead_bytes: int = _AHEAD_BYTES,
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
    ahead_bytes : int
        How many bytes may wait for a worker.
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
    runner = _make_runner(engine, workers or default_workers(), ahead_bytes)
    try:
        yield Engine(runner, checkpoints, block_bytes=block_bytes)
    except BaseException:
        runner.stop()
        raise
    finally:
        runner.close()


def _make_runner(engine: EngineLike, workers: int, ahead_bytes: int) -> Runner:
    if engine in (None, "threads"):
        return ThreadRunner(workers, ahead_bytes)
    if engine == "processes":
        from connectograph.blocks.processes import ProcessRunner

        return ProcessRunner(workers, ahead_bytes)
    if not isinstance(engine, str) or engine == "dask" or engine.startswith("dask:"):
        from connectograph.blocks.cluster import open_cluster

        return open_cluster(engine, workers, ahead_bytes)
    raise InputError(f"engine is {engine!r}; expected one of {', '.join(ENGINES)}, or dask:tcp://HOST:PORT.")
