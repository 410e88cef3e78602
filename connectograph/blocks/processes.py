"""Worker processes of this machine: for what threads cannot share, and where one that dies must not take all along."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.context import SpawnContext, SpawnProcess
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from connectograph.blocks import runners
from connectograph.blocks.tasks import Task
from connectograph.errors import WorkerLost

__all__ = ["ProcessRunner"]

T = TypeVar("T")


class _Nursery(SpawnContext):
    """Starts processes afresh, and remembers them, to know what became of them."""

    def __init__(self) -> None:
        super().__init__()
        self.born: list[SpawnProcess] = []

    def Process(self, *args: Any, **options: Any) -> SpawnProcess:  # type: ignore[override]
        process = SpawnProcess(*args, **options)
        self.born.append(process)
        return process


class ProcessRunner(runners.Runner):
    """A pool of processes, started anew when one of them dies or does not answer."""

    name = "processes"

    def __init__(self, workers: int) -> None:
        super().__init__(workers)
        self._lock = threading.Lock()
        self._homes: WeakKeyDictionary[Future[Any], _Nursery] = WeakKeyDictionary()
        self._start()

    def submit(self, task: Task[T]) -> Future[T]:
        with self._lock:
            try:
                future = self._pool.submit(_run, task)
            except BrokenProcessPool:
                self._restart()
                future = self._pool.submit(_run, task)
            self._homes[future] = self._nursery
        return future

    def wait(self, task: Task[T], future: Future[T]) -> T:
        nursery = self._homes[future]
        try:
            return future.result(timeout=runners.PATIENCE_SECONDS)
        except TimeoutError:
            for process in nursery.born:
                process.kill()
            raise WorkerLost(f"no answer within {runners.PATIENCE_SECONDS:g} s") from None
        except BrokenProcessPool:
            raise WorkerLost(_explain_death(nursery)) from None

    def close(self) -> None:
        self._pool.shutdown(cancel_futures=True)

    def stop(self) -> None:
        super().stop()
        for process in self._nursery.born:
            process.terminate()

    def _start(self) -> None:
        self._nursery = _Nursery()
        self._pool = ProcessPoolExecutor(self.workers, mp_context=self._nursery, initializer=_settle_in)

    def _restart(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._start()


def _run(task: Task[T]) -> T:
    return task()


def _settle_in() -> None:
    """Leave interrupting to the parent, and do not outlive it."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_follow, args=(parent,), daemon=True).start()


def _follow(parent: Any) -> None:
    parent.join()
    os._exit(1)


def _explain_death(nursery: _Nursery) -> str:
    """Which signal or exit code the first worker died of; the pool itself ends the others with SIGTERM."""
    latest = time.monotonic() + 5
    # the pool waits for the same processes: whoever comes second learns the exit code a moment later
    while any(process.exitcode is None for process in nursery.born) and time.monotonic() < latest:
        time.sleep(0.01)
    codes = [process.exitcode for process in nursery.born if process.exitcode not in (None, 0, -signal.SIGTERM)]
    if not codes:
        return "a worker process ended early (is the script guarded by `if __name__ == '__main__':`?)"
    code = codes[0] or 0
    how = f"killed by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
    return f"a worker process was {how}" + (" (out of memory?)" if code == -signal.SIGKILL else "")
