"""What a person sees in the terminal: input cards, progress, exclusions, the closing lines."""

from __future__ import annotations

import logging
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connectograph.volumes import Volume

if TYPE_CHECKING:
    from connectograph.compare.weights import WeightTotals

__all__ = [
    "print_card",
    "print_closing",
    "print_exclusions",
    "print_notices",
    "print_run_length",
    "print_verdicts",
    "print_weights",
    "show_download",
    "show_progress",
    "start_log",
]

log = logging.getLogger("connectograph")

_LOG_SECONDS, _PAUSE_SECONDS = 30.0, 2.0
"""A line at the latest after so long; none within so short a time."""


def start_log() -> None:
    """Send the library's log to stderr; on a terminal the progress bar says as much."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    log.handlers[:] = [handler]
    log.setLevel(logging.WARNING if sys.stderr.isatty() else logging.INFO)
    log.propagate = False


def print_card(role: str, volume: Volume, n_ids: int | None = None, *, sized: bool = True) -> None:
    """What a volume is, and what was assumed about it."""
    shape = "×".join(str(size) for size in volume.shape)
    size = "×".join(f"{value:g}" for value in volume.voxel_size) + " nm" if sized else "not given (--voxel-size Z,Y,X)"
    offset = ", ".join(f"{value:g}" for value in volume.offset)
    print(f"{role.replace('_', ' '):<12} {volume.name or 'in memory'}")
    print(f"{'':13}shape {shape} (z, y, x), voxel size {size}, offset {offset} nm")
    print(f"{'':13}{volume.dtype}, background 0 and 2^64-1")
    if n_ids is not None:
        print(f"{'':13}{n_ids:,} ids other than background")
    for assumption in volume.assumed:
        print(f"{'':13}assumed: {assumption}")
    print_notices(volume, indent=13)
    if volume.voxel_size[0] < min(volume.voxel_size[1:]):
        print(f"{'':13}note: z is the smallest voxel size; is the order (z, y, x)?")


def print_notices(volume: Volume, *, indent: int = 0) -> None:
    """What belongs beside everything that is computed from a volume."""
    for notice in volume.notices:
        print(f"{'':{indent}}note: {notice}")


def print_closing(report: Mapping[str, Any]) -> None:
    """The four last lines: connectivity matrix size, precision, recall, F1."""
    n_nodes, edges = report["nodes"]["n_segments"], report["edges"]
    print(f"connectivity matrix  {n_nodes} x {n_nodes}")
    for key, label in (("precision", "precision"), ("recall", "recall"), ("f1", "F1")):
        value = edges and edges[key]
        reason = edges[f"{key}_reason"] if edges and value is None else report.get("edges_reason")
        _print_score(label, value, reason)


def print_weights(weights: WeightTotals, edges: Mapping[str, Any]) -> None:
    """The same of synapses; they are not defined where the scores of edges are not, and for the same reason."""
    for key, label in (("precision", "weighted precision"), ("recall", "weighted recall"), ("f1", "weighted F1")):
        _print_score(label, None if edges[key] is None else getattr(weights, key), edges.get(f"{key}_reason"))
    _print_score("Ruzicka similarity", None if edges["f1"] is None else weights.ruzicka, edges.get("f1_reason"))


def _print_score(label: str, value: float | None, reason: str | None) -> None:
    print(f"{label:<21}{f'not defined: {reason}' if value is None else _digits(value)}")


def _digits(value: float) -> str:
    """Four decimals; 0 and 1 only when exact."""
    rounded = f"{value:.4f}"
    return rounded if value in (0.0, 1.0) or rounded not in ("0.0000", "1.0000") else repr(value)


def print_exclusions(report: Mapping[str, Any]) -> None:
    """Everything that was left out of the score, or that nothing was."""
    counts = {key: value for key, value in report["excluded"].items() if isinstance(value, int) and value}
    if not counts:
        print("excluded: 0")
    for key, value in counts.items():
        reasons = report["excluded"].get(key.replace("_synapses_unattached", "_unattached_reasons"))
        listed = [f"{name} {n:,}" for name, n in reasons.items() if n] if isinstance(reasons, dict) else []
        detail = f" ({', '.join(listed)})" if listed else ""
        print(f"excluded: {key.replace('_', ' ')} {value:,}{detail}")


def print_run_length(report: Mapping[str, Any]) -> None:
    """How far skeletons can be traced in the predicted segmentation, if any were given."""
    found = (report.get("segmentation_matching") or {}).get("run_length")
    if found and found["erl_nm"] is not None:
        print(f"expected run length  {found['erl_nm']:,.0f} nm of {found['best_nm']:,.0f} nm without errors")


def print_verdicts(report: Mapping[str, Any]) -> None:
    """The report card, if there is one: each purpose, and the measures behind its verdict."""
    if not report.get("card"):
        return
    from connectograph.report.pages.card import describe_measure

    for purpose in report["card"]["purposes"]:
        print(f"{purpose['verdict']:<14}{purpose['purpose']}")
        for found in purpose["measures"]:
            print(f"  {found['verdict']:<14}{describe_measure(found).replace('−', '-')}")


@contextmanager
def show_progress(total: int, what: str) -> Iterator[Callable[[int], object]]:
    """A bar on a terminal; elsewhere a line in the log each tenth or half minute."""
    if sys.stderr.isatty():
        from tqdm.auto import tqdm

        with tqdm(total=total, desc=what, unit="voxel", unit_scale=True, leave=False) as bar:
            yield bar.update
    else:
        yield _Log(total, what).add


@contextmanager
def show_download(what: str) -> Iterator[Callable[[int, int | None], object]]:
    """The same for bytes that arrive, of which some may be there from the start, and whose total comes with them."""
    if sys.stderr.isatty():
        from tqdm.auto import tqdm

        with tqdm(desc=what, unit="B", unit_scale=True, unit_divisor=1024, leave=False) as bar:

            def update(done: int, total: int | None) -> None:
                bar.total = total
                bar.update(done - bar.n)

            yield update
    else:
        lines = _Log(1, what, unit="bytes")

        def count(done: int, total: int | None) -> None:
            if total:
                lines.total = total
                lines.add(done - lines.done)

        yield count


class _Log:
    """Progress as lines of a log."""

    def __init__(self, total: int, what: str, unit: str = "voxels") -> None:
        self.total, self.what, self.unit = max(1, total), what, unit
        self.done, self.tenths, self.last = 0, 0, time.monotonic()

    def add(self, voxels: int) -> None:
        self.done += voxels
        tenths, now = math.floor(10 * self.done / self.total), time.monotonic()
        pause = now - self.last
        if (tenths > self.tenths and pause > _PAUSE_SECONDS) or pause > _LOG_SECONDS:
            self.tenths, self.last = tenths, now
            log.info("%s: %d %% of %d %s", self.what, round(100 * self.done / self.total), self.total, self.unit)
