"""Do the intervals hold what they promise? Coverage of 95 % intervals and false alarms of paired tests, by simulation.

    python analysis/interval_coverage.py --out DIR [--quick]

A synapse detector finds the edge i -> j with probability 1 / (1 + exp(-(m + u_i + v_j))), where u and v, normal with
standard deviation s, make the neurons differ, and invents edges among as many decoys with a lower m in the same way.
A simulation draws u, v and the outcomes for two detectors of equal quality. Coverage is the share of intervals that
hold the expected score; a false alarm is a paired test with p < 0.05. Beside the intervals of the library, summed over
neurons, stand those that take edges for independent, and McNemar's test.

"drawn": each simulation draws, too, which half of the pairs are edges. "fixed": the edges are always the same. An edge
always pulls the precision up and a decoy always down; with fixed edges that is no variation between simulations. An
interval that is told the candidates, edges and decoys, takes it away. One that is not allows for as many decoys as
edges, spread over the neurons like them. Fewer decoys, more, or decoys anywhere, show what that costs.

Beside the coverage stand the standard deviation of the score over the simulations and the mean standard error.

Writes ``interval_coverage.csv``, ``.pdf`` and ``.json`` (provenance) to DIR and prints the table.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import SHARED, write_study
from matplotlib.figure import Figure
from scipy.special import expit
from scipy.stats import norm

from connectograph import AlignedEdges
from connectograph.uncertainty import edge_intervals, paired_test

SEED = 20240501
SPREADS = (0.0, 0.5, 1.0)
SCORES = ("precision", "recall", "f1")
FOUND, INVENTED = 1.5, -1.5  # m of edges and of decoys
NORMAL = float(norm.ppf(0.975))
NO_MORE = pd.DataFrame({"segment_a": [], "segment_b": []}, dtype=np.uint64)  # all candidates are pairs of the scene
LARVA = SHARED / "data" / "larva_left_right" / "left_edges.csv"


@dataclass(frozen=True, eq=False)
class Scene:
    """Pairs of n neurons, and which are edges; None: half of them, drawn in each simulation."""

    name: str
    n: int
    source: npt.NDArray[np.int64]
    target: npt.NDArray[np.int64]
    is_edge: npt.NDArray[np.bool_] | None
    directed: bool


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a few simulations of a small graph")
    options = parser.parse_args(argv)
    runs = 20 if options.quick else 1000
    spreads = SPREADS[::2] if options.quick else SPREADS
    table = pd.DataFrame(
        row
        for number, scene in enumerate(scenes(quick=options.quick))
        for spread in spreads
        for row in simulate(scene, spread, runs, np.random.default_rng([SEED, number, int(10 * spread)]))
    )
    settings = {"seed": SEED, "simulations": runs, "spreads": spreads, "m_edges": FOUND, "m_decoys": INVENTED}
    write_study(options.out, "interval_coverage", table, draw(table), settings)
    print(table.to_string(index=False, float_format="{:.3f}".format))
    return 0


def scenes(*, quick: bool) -> Iterator[Scene]:
    """Graphs, by name: generated with heavy-tailed degrees, and a real one where it is present."""
    rng = np.random.default_rng(SEED)
    n, m = (100, 800) if quick else (300, 3000)
    pairs = draw_pairs(n, m, rng)
    decoys = rewire(pairs, n, rng)
    yield from make_scenes("generated", n, pairs, decoys, directed=True)
    if quick:
        return
    anywhere = np.setdiff1d(rng.choice(n * n, 2 * m, replace=False), pairs)
    yield next(make_scenes("decoys anywhere", n, pairs, anywhere[anywhere // n != anywhere % n], directed=True))
    undirected = fold(pairs, n)
    yield from make_scenes("undirected", n, undirected, fold(rewire(undirected, n, rng), n), directed=False)
    if LARVA.is_file():
        n_larva, larva = read_larva()
        yield from make_scenes("larva, left", n_larva, larva, rewire(larva, n_larva, rng), directed=True)
    few = rng.permutation(decoys)[: len(decoys) // 2]
    many = np.unique(np.concatenate([decoys, rewire(pairs, n, rng), rewire(pairs, n, rng)]))
    yield next(make_scenes("half the decoys", n, pairs, few, directed=True))
    yield next(make_scenes("three times the decoys", n, pairs, many, directed=True))


def read_larva() -> tuple[int, npt.NDArray[np.int64]]:
    """Neurons of the larva's left hemisphere, and their pairs source * n + target."""
    table = pd.read_csv(LARVA).query("source != target")
    ids, codes = np.unique(table[["source", "target"]], return_inverse=True)
    source, target = codes.reshape(-1, 2).T
    return len(ids), np.unique(source * len(ids) + target)


def draw_pairs(n: int, m: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """About m different pairs source * n + target; log-normal degrees, as those of neurons."""
    out_weight, in_weight = rng.lognormal(0, 0.8, (2, n))
    draws = (rng.choice(n, 2 * m, p=weight / weight.sum()) for weight in (out_weight, in_weight))
    source, target = draws
    pairs = np.unique((source * n + target)[source != target])
    return np.sort(rng.permutation(pairs)[:m])


def rewire(pairs: npt.NDArray[np.int64], n: int, rng: np.random.Generator) -> npt.NDArray[np.int64]:
    """Other pairs with the same degrees: targets shuffled until almost none is an edge, a loop or a repetition."""
    source, target = np.divmod(pairs, n)
    target = rng.permutation(target)
    for _ in range(200):
        keys = source * n + target
        _, first = np.unique(keys, return_index=True)
        wrong = np.isin(keys, pairs) | (source == target)
        wrong |= ~np.isin(np.arange(len(keys)), first)
        moved = np.flatnonzero(wrong | (rng.random(len(keys)) < wrong.mean()))
        target[moved] = target[rng.permutation(moved)]
    keys = np.unique(source * n + target)
    return keys[~np.isin(keys, pairs) & (keys // n != keys % n)]


def fold(pairs: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.int64]:
    """Undirected pairs, the smaller neuron first."""
    source, target = np.divmod(pairs, n)
    return np.unique(np.minimum(source, target) * n + np.maximum(source, target))


def make_scenes(
    name: str, n: int, edges: npt.NDArray[np.int64], decoys: npt.NDArray[np.int64], *, directed: bool
) -> Iterator[Scene]:
    """Edges and decoys as they are, and the same pairs without saying which is which."""
    pairs = np.union1d(edges, decoys)
    for is_edge in (np.isin(pairs, edges), None):
        yield Scene(name, n, pairs // n, pairs % n, is_edge, directed)


def simulate(scene: Scene, spread: float, runs: int, rng: np.random.Generator) -> Iterator[dict[str, Any]]:
    """One row for each score."""
    n_edges = len(scene.source) / 2 if scene.is_edge is None else float(scene.is_edge.sum())
    expected = expect(n_edges, len(scene.source) - n_edges, spread)
    results = pd.DataFrame([run_once(scene, spread, expected, rng) for _ in range(runs)])
    for score in SCORES:
        yield {
            "graph": scene.name,
            "edges": "drawn" if scene.is_edge is None else "fixed",
            "n_neurons": scene.n,
            "n_pairs": len(scene.source),
            "spread": spread,
            "score": score,
            "expected": expected[score],
            "sd": results[f"{score}_value"].std(),
            "standard_error": results[f"{score}_error"].mean(),
            "coverage": results[f"{score}_covered"].mean(),
            "coverage_with_candidates": results[f"{score}_given"].mean() if f"{score}_given" in results else np.nan,
            "coverage_if_independent": results[f"{score}_independent"].mean(),
            "false_alarms": results[f"{score}_alarm"].mean(),
            "false_alarms_mcnemar": results["mcnemar"].mean() if score == "recall" else np.nan,
        }


def expect(n_edges: float, n_decoys: float, spread: float) -> dict[str, float]:
    """Expected scores: ratios of expected counts, the effects of the neurons averaged by Gauss-Hermite quadrature."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    found, invented = (
        float(expit(m + np.sqrt(2) * spread * nodes) @ weights / weights.sum()) for m in (FOUND, INVENTED)
    )
    tp, fp = found * n_edges, invented * n_decoys
    return {"precision": tp / (tp + fp), "recall": found, "f1": 2 * tp / (tp + fp + n_edges)}


def run_once(scene: Scene, spread: float, expected: dict[str, float], rng: np.random.Generator) -> dict[str, float]:
    """Scores of one detector; whether each interval covers, and whether each test calls it other than a second one."""
    is_edge = rng.random(len(scene.source)) < 0.5 if scene.is_edge is None else scene.is_edge
    first, second = detect(scene, is_edge, spread, rng), detect(scene, is_edge, spread, rng)
    ids = np.arange(1, scene.n + 1, dtype=np.uint64)
    truth, predicted = is_edge.astype(np.int64), first.astype(np.int64)
    both = AlignedEdges(ids, scene.source, scene.target, truth, predicted, scene.directed)
    intervals = edge_intervals(both)
    given = edge_intervals(both, candidates=NO_MORE) if scene.is_edge is not None else None
    test = paired_test(*(table_of(scene, chosen) for chosen in (is_edge, first, second)), directed=scene.directed)
    result: dict[str, float] = {"mcnemar": mcnemar(first[is_edge], second[is_edge])}
    for score in SCORES:
        interval, true = getattr(intervals, score), expected[score]
        error = independent_error(is_edge, first, score)
        result[f"{score}_value"], result[f"{score}_error"] = interval.value, interval.standard_error
        result[f"{score}_covered"] = interval.lower <= true <= interval.upper
        if given is not None:
            result[f"{score}_given"] = getattr(given, score).lower <= true <= getattr(given, score).upper
        result[f"{score}_independent"] = abs(interval.value - true) <= NORMAL * error
        result[f"{score}_alarm"] = getattr(test, score).p_value < 0.05
    return result


def detect(
    scene: Scene, is_edge: npt.NDArray[np.bool_], spread: float, rng: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Pairs that a detector calls edges; of undirected pairs, a neuron has the same effect at either end."""
    as_source = rng.normal(0, spread, scene.n)
    as_target = rng.normal(0, spread, scene.n) if scene.directed else as_source
    logit = np.where(is_edge, FOUND, INVENTED) + as_source[scene.source] + as_target[scene.target]
    return rng.random(len(logit)) < expit(logit)


def table_of(scene: Scene, chosen: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Edge table of the chosen pairs."""
    ends = {"source": scene.source, "target": scene.target}
    columns = {name: (end[chosen] + 1).astype(np.uint64) for name, end in ends.items()}
    return pd.DataFrame({**columns, "n_synapses": np.ones(int(chosen.sum()), np.int64)}, copy=False)


def independent_error(is_edge: npt.NDArray[np.bool_], found: npt.NDArray[np.bool_], score: str) -> float:
    """Standard error of a score if pairs were independent."""
    tp, fp, fn = (int(part.sum()) for part in (found & is_edge, found & ~is_edge, ~found & is_edge))
    if score == "f1":
        f1 = 2 * tp / (2 * tp + fp + fn)
        return float(np.sqrt(tp * (2 - 2 * f1) ** 2 + (fp + fn) * f1**2) / (2 * tp + fp + fn))
    n = tp + (fp if score == "precision" else fn)
    return float(np.sqrt(tp * (n - tp) / n**3))


def mcnemar(first: npt.NDArray[np.bool_], second: npt.NDArray[np.bool_]) -> bool:
    """Whether McNemar's test finds the detection of edges different, taking edges for independent."""
    only_first, only_second = int((first & ~second).sum()), int((second & ~first).sum())
    return abs(only_first - only_second) > NORMAL * np.sqrt(max(1, only_first + only_second))


def draw(table: pd.DataFrame) -> Figure:
    """Coverage (above) and false alarms (below) over the spread of the neurons, one panel a score."""
    figure, names = Figure(figsize=(8.4, 5.6), layout="constrained"), list(dict.fromkeys(table["graph"]))
    panels = figure.subplots(2, len(SCORES), sharex=True, sharey="row")
    kinds = (
        ("coverage", "coverage_if_independent", (0.93, 0.98)),
        ("false_alarms", "false_alarms_mcnemar", (0.03, 0.07)),
    )
    for line, (name, naive, (low, high)) in zip(panels, kinds, strict=True):
        for axes, score in zip(line, SCORES, strict=True):
            axes.axhspan(low, high, color="0.9", label="wanted")
            graphs = table[table["score"] == score].groupby(["graph", "edges"], sort=False)
            for (graph, edges), rows in graphs:
                style, colour = "-" if edges == "drawn" else ":", f"C{names.index(graph)}"
                axes.plot(rows["spread"], rows[name], f"o{style}", color=colour, label=f"{graph}, {edges}")
                axes.plot(rows["spread"], rows[naive], f"x{style}", color="0.6", linewidth=0.8)
            axes.plot([], [], "x-", color="0.6", linewidth=0.8, label="edges taken for independent")
            axes.set(**{"title": score} if name == "coverage" else {"xlabel": "spread of the neurons s"})
        line[0].set_ylabel(name.replace("_", " "))
    figure.legend(*panels[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
