"""Those who run tasks: in order, with only a few waiting, and again if one fails; here by threads of this process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from connectograph.blocks.tasks import Task
from connectograph.errors import BlockFailed, InputError, WorkerLost

__all__ = ["AHEAD_BYTES", "AHEAD_TASKS", "PATIENCE_SECONDS", "OwnThreadRunner", "Runner", "ThreadRunner"]

T = TypeVar("T")
TaskT = TypeVar("TaskT", bound=Task[Any])

AHEAD_BYTES = 1 << 24
"""How far a stream may be unpacked ahead of the workers: memory that a cache still holds when it is filled again."""

AHEAD_TASKS = 4
"""How many tasks may wait for each worker in any case."""

_RETRIES = 2
PATIENCE_SECONDS = 600.0
"""How long an answer of another process is waited for; a task takes seconds."""


class Runner:
    """Runs tasks; each kind of engine says how.

    Parameters
    ----------
    workers : int
    """

    name = ""
    shared = False
    """Whether workers share this process's memory, so that a task costs nothing to hand over."""

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self._stopped = False

    def map(self, tasks: Iterable[TaskT]) -> Iterator[tuple[TaskT, Any]]:
        """All tasks and their results, in order; tasks are asked for as workers can take them."""
        pending: deque[tuple[TaskT, Future[Any]]] = deque()
        ahead = 0
        try:
            for task in tasks:
                pending.append((task, self.submit(task)))
                ahead += task.n_bytes
                while len(pending) > AHEAD_TASKS * self.workers and ahead > AHEAD_BYTES:
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

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self._pool = ThreadPoolExecutor(workers, "connectograph")

    def submit(self, task: Task[T]) -> Future[T]:
        return self._pool.submit(task)

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)


class OwnThreadRunner(Runner):
    """The thread that asks: nothing changes hands, which costs the least where other cores have other work."""

    name = "own thread"
    shared = True

    def __init__(self) -> None:
        super().__init__(workers=1)

    def submit(self, task: Task[T]) -> Future[T]:
        future = Future[T]()
        try:
            future.set_result(task())
        except Exception as error:
            future.set_exception(error)
        return future
