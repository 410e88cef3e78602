"""A Dask cluster: one on this machine, or whatever a scheduler's address or a client stands for (SLURM, Kubernetes)."""

from __future__ import annotations

from concurrent.futures import Future
from itertools import count
from typing import Any, TypeVar
from uuid import uuid4

from connectograph.blocks import runners
from connectograph.blocks.tasks import Task
from connectograph.errors import InputError, WorkerLost

__all__ = ["open_cluster"]

T = TypeVar("T")


def open_cluster(engine: Any, workers: int) -> DaskRunner:
    """The runner for "dask", "dask:ADDRESS" or a ``distributed.Client``.

    Raises
    ------
    InputError
        If Dask is not installed, `engine` is none of these, or nothing answers at the address.
    """
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise InputError(
            f"The engine dask needs packages that are not installed ({error}): pip install 'connectograph[dask]'."
        ) from None
    if isinstance(engine, Client):
        return DaskRunner(engine, ())
    if engine == "dask":
        anywhere = "127.0.0.1:0"  # the usual port may be another cluster's
        cluster = LocalCluster(
            n_workers=workers, threads_per_worker=1, dashboard_address=anywhere, silence_logs="ERROR"
        )
        client = Client(cluster)
        return DaskRunner(client, (client, cluster))
    if not isinstance(engine, str):
        raise InputError(f"engine is {type(engine).__name__}; expected a name or a distributed.Client.")
    address = engine.removeprefix("dask:")
    try:
        client = Client(address, timeout="15s")
    except (OSError, TypeError, ValueError) as error:
        raise InputError(
            f"No Dask scheduler answers at {address!r} ({error}). Start one (dask scheduler) and give the address that "
            "it prints: dask:tcp://HOST:8786."
        ) from error
    return DaskRunner(client, (client,))


class DaskRunner(runners.Runner):
    """Tasks as Dask futures; Dask itself moves the tasks of a worker that is lost to another.

    Parameters
    ----------
    client : distributed.Client
    owned : tuple
        What is closed at the end.
    """

    name = "dask"

    def __init__(self, client: Any, owned: tuple[Any, ...]) -> None:
        self._client, self._owned = client, owned
        self._names = map(f"connectograph-{uuid4().hex}-{{}}".format, count())
        super().__init__(self._count_workers())

    def submit(self, task: Task[T]) -> Future[T]:
        import dask

        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1GB"}):
            future: Future[T] = self._client.submit(_run, task, key=next(self._names), pure=False)
        return future

    def wait(self, task: Task[T], future: Future[T]) -> T:
        from distributed import CancelledError, KilledWorker

        try:
            return future.result(timeout=runners.PATIENCE_SECONDS)
        except TimeoutError:
            raise WorkerLost(f"no answer of a Dask worker within {runners.PATIENCE_SECONDS:g} s") from None
        except KilledWorker as error:
            raise WorkerLost(f"it was lost with several Dask workers, the last {error.last_worker.address}") from None
        except CancelledError:
            raise WorkerLost("the Dask scheduler was lost or has cancelled it") from None

    def close(self) -> None:
        for each in self._owned:
            each.close()

    def _count_workers(self) -> int:
        try:
            self._client.wait_for_workers(1, timeout=runners.PATIENCE_SECONDS)
        except TimeoutError:
            raise InputError(
                f"The Dask cluster has no worker after {runners.PATIENCE_SECONDS:g} s. Start workers first, e.g. "
                "cluster.scale(8), and wait with client.wait_for_workers()."
            ) from None
        return sum(self._client.nthreads().values())


def _run(task: Task[T]) -> T:
    return task()
