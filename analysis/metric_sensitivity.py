"""Which measure sees which error? Predictions that differ in kind but agree in F1, or even in precision and recall.

    python analysis/metric_sensitivity.py --out DIR [--quick]

Each kind of error is given to a connectome at the rate at which the expected F1 is 0.7, 0.85, 0.95 or 0.99 (found by
bisection), under 30 seeds. A measure separates two kinds if their means differ by more than 3 pooled standard
deviations. Pairs that neither precision nor recall nor F1 separates are of equal precision and recall: what separates
those is what precision and recall cannot say. The minimal panel is chosen greedily: the measure that separates most
such pairs, then that which adds most, until nothing is added. Negative control: the connectome against itself under
other ids, where every measure must have its perfect value.

Connectomes: a phantom (arrows drawn on the contactome of a made-up neuropil, more on larger contacts) and, where
present, the left hemisphere of the larva (Winding et al., Science 379, 2023), which comes without contactome: there a
wrong partner is drawn by the number of its synapses. Synapse sizes are drawn. A split neuron leaves half of its
synapses to a fragment, which counts as a neuron of its own; merged neurons touch, or are connected.

Writes ``metric_sensitivity.csv`` (means and standard deviations), ``metric_sensitivity_panel.csv`` (what each measure
separates, and its place in the panel), ``.pdf`` and ``.json`` (provenance) to DIR, and prints the panel.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from pathlib import Path
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import SHARED, write_study
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import connectograph as cg
from connectograph.compare import compare_thresholds, compare_weights
from connectograph.degrees import compare_degrees, score_neurons

SEED = 20240501
TARGETS = (0.7, 0.85, 0.95, 0.99)
N_SEEDS, N_PILOT, N_HALVINGS = 30, 3, 9
APART = 3.0  # pooled standard deviations between means that separate
LARVA = SHARED / "data" / "larva_left_right" / "left_edges.csv"
PERFECT = {
    "precision": 1.0, "recall": 1.0, "F1": 1.0, "F1 undirected": 1.0, "F1 at 5": 1.0, "Ruzicka": 1.0,
    "weight Spearman": 1.0, "degree bias": 0.0, "degree slope": 1.0, "degree distance": 0.0, "hubs kept": 1.0,
    "top 5 partners": 1.0, "F1 of worst tenth": 1.0, "reciprocity": 1.0, "transitivity": 1.0, "log2 030T": 0.0,
    "log2 300": 0.0, "giant SCC": 1.0,
}  # fmt: skip
"""Measures, with their value for a perfect prediction."""
GIVEN = ("precision", "recall", "F1")

Ints: TypeAlias = npt.NDArray[np.int64]
Floats: TypeAlias = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Circuit:
    """One row a link: source, target, rank of the synapse's size (0 to 1); and who may be a wrong partner."""

    n: int
    source: Ints
    target: Ints
    size: Floats
    contacts: tuple[Ints, Ints, Floats] | None = None

    def degrees(self) -> tuple[Ints, Ints]:
        """Links from and to every neuron."""
        return np.bincount(self.source, minlength=self.n), np.bincount(self.target, minlength=self.n)

    def keep(self, chosen: npt.NDArray[np.bool_]) -> Circuit:
        """Some of the links."""
        return replace(self, source=self.source[chosen], target=self.target[chosen], size=self.size[chosen])

    def add(self, source: Ints, target: Ints) -> Circuit:
        """More links."""
        ends = np.concatenate([self.source, source]), np.concatenate([self.target, target])
        return replace(self, source=ends[0], target=ends[1], size=np.append(self.size, np.zeros(len(source))))


Damage: TypeAlias = Callable[[Circuit, float, np.random.Generator], Circuit]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a small phantom, one F1, few seeds")
    options = parser.parse_args(argv)
    n_seeds, targets = (4, TARGETS[1:2]) if options.quick else (N_SEEDS, TARGETS)
    circuits = dict(load_circuits(quick=options.quick))
    check_controls(circuits)
    table = pd.DataFrame(row for name, each in circuits.items() for row in measure_all(name, each, targets, n_seeds))
    panel = choose_panel(table)
    settings = {"seed": SEED, "seeds": n_seeds, "targets": targets, "apart": APART}
    write_study(options.out, "metric_sensitivity", table, draw(table, panel), settings)
    panel.to_csv(options.out / "metric_sensitivity_panel.csv", index=False, float_format="%.6g")
    print(panel.to_string(index=False))
    return 0


def load_circuits(*, quick: bool) -> Iterator[tuple[str, Circuit]]:
    """The connectomes, by name."""
    rng = np.random.default_rng(SEED)
    yield "phantom", grow_phantom((20, 200, 200) if quick else (40, 400, 400), 60 if quick else 400, rng)
    if LARVA.is_file() and not quick:
        edges = pd.read_csv(LARVA)
        ids, ends = np.unique(edges[["source", "target"]].to_numpy(), return_inverse=True)
        source, target = np.repeat(ends.reshape(-1, 2), edges["n_synapses"], axis=0).T
        apart = source != target
        yield "larva", Circuit(len(ids), source[apart], target[apart], rng.random(int(apart.sum())))


def grow_phantom(shape: tuple[int, int, int], n_segments: int, rng: np.random.Generator) -> Circuit:
    """Arrows on a third of the contacts of a made-up neuropil: neurons differ, larger contacts have more synapses."""
    segmentation = cg.synthetic.make_segmentation(shape, n_segments=n_segments, rng=rng)
    contactome = cg.find_contacts(segmentation)
    ids = np.unique(contactome[["segment_a", "segment_b"]].to_numpy())
    a, b = (np.searchsorted(ids, contactome[f"segment_{end}"].to_numpy()) for end in "ab")
    source, target = np.concatenate([a, b]), np.concatenate([b, a])
    area = np.tile(contactome["area_nm2"].to_numpy(), 2)
    gives, takes = rng.lognormal(0, 0.7, (2, len(ids)))
    rate = area / area.mean() * gives[source] * takes[target]
    links = rng.poisson(rate / rate.mean() * rng.gamma(0.5, 1.0, len(rate)))
    synapses = np.repeat(np.arange(len(source)), links)
    contacts = source, target, area
    return Circuit(len(ids), source[synapses], target[synapses], rng.random(len(synapses)), contacts)


def lose(circuit: Circuit, share: float, weight: Floats, rng: np.random.Generator) -> Circuit:
    """Without a share of the links; heavier ones are lost first, by chance."""
    order = np.argsort(rng.exponential(size=len(weight)) / weight)
    kept = np.ones(len(weight), bool)
    kept[order[: round(share * len(weight))]] = False
    return circuit.keep(kept)


def lose_any(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Every link is lost alike."""
    return lose(circuit, share, np.ones(len(circuit.source)), rng)


def lose_small(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Small synapses are lost."""
    return lose(circuit, share, np.exp(-6 * circuit.size), rng)


def lose_of_hubs(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Links between neurons with many links are lost."""
    degree = np.add(*circuit.degrees())
    return lose(circuit, share, (degree[circuit.source] * degree[circuit.target]) ** 1.5, rng)


def lose_of_neurons(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """All outputs of some neurons are lost."""
    order = np.argsort(rng.permutation(circuit.n)[circuit.source], kind="stable")
    kept = np.ones(len(order), bool)
    kept[order[: round(share * len(order))]] = False
    return circuit.keep(kept)


def add_on_contacts(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Links are invented on contacts (without contactome: between neurons with many links)."""
    count = round(share * len(circuit.source))
    if circuit.contacts is not None:
        source, target, area = circuit.contacts
        drawn = rng.choice(len(area), count, p=area / area.sum())
        return circuit.add(source[drawn], target[drawn])
    return add_pairs(circuit, *(rng.choice(circuit.n, count, p=d / d.sum()) for d in circuit.degrees()))


def add_anywhere(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Links are invented between any neurons."""
    return add_pairs(circuit, *rng.integers(0, circuit.n, (2, round(share * len(circuit.source)))))


def add_pairs(circuit: Circuit, source: Ints, target: Ints) -> Circuit:
    """More links, but no autapses."""
    apart = source != target
    return circuit.add(source[apart], target[apart])


def swap_partners(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Links reach another neuron that touches the source (without contactome: that has many inputs)."""
    target = circuit.target.copy()
    chosen = rng.random(len(target)) < share
    if circuit.contacts is None:
        taken = circuit.degrees()[1]
        target[chosen] = rng.choice(circuit.n, int(chosen.sum()), p=taken / taken.sum())
    else:
        target[chosen] = draw_neighbours(circuit.contacts, circuit.source[chosen], rng)
    return replace(circuit, target=target).keep(target != circuit.source)


def draw_neighbours(contacts: tuple[Ints, Ints, Floats], neurons: Ints, rng: np.random.Generator) -> Ints:
    """For each neuron one that it touches, larger contacts more often."""
    order = np.argsort(contacts[0], kind="stable")
    source, target, area = (part[order] for part in contacts)
    total = np.append(0.0, np.cumsum(area))
    first, last = (total[np.searchsorted(source, neurons, side)] for side in ("left", "right"))
    place = np.searchsorted(total, first + rng.random(len(neurons)) * (last - first), "right") - 1
    found: Ints = target[np.minimum(place, len(target) - 1)]
    return found


def flip(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Links get the wrong direction."""
    chosen = rng.random(len(circuit.source)) < share
    ends = np.where(chosen, [circuit.target, circuit.source], [circuit.source, circuit.target])
    return replace(circuit, source=ends[0], target=ends[1])


def split(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Neurons lose half of their links to a fragment."""
    halved = rng.random(circuit.n) < share
    ends = [np.where(halved[end] & (rng.random(len(end)) < 0.5), end + circuit.n, end) for end in ends_of(circuit)]
    return replace(circuit, n=2 * circuit.n, source=ends[0], target=ends[1])


def merge(circuit: Circuit, share: float, rng: np.random.Generator) -> Circuit:
    """Neurons are taken into one that they touch (without contactome: that they are connected with)."""
    source, target = circuit.contacts[:2] if circuit.contacts else ends_of(circuit)
    into = np.arange(circuit.n)
    order = rng.permutation(len(source))
    neurons, first = np.unique(source[order], return_index=True)
    chosen = rng.random(len(neurons)) < share
    into[neurons[chosen]] = target[order[first[chosen]]]
    merged = replace(circuit, source=into[circuit.source], target=into[circuit.target])
    return merged.keep(merged.source != merged.target)


def ends_of(circuit: Circuit) -> tuple[Ints, Ints]:
    """Sources and targets of the links."""
    return circuit.source, circuit.target


DAMAGES: dict[str, Damage] = {
    "lose any": lose_any, "lose small": lose_small, "lose of hubs": lose_of_hubs, "lose of neurons": lose_of_neurons,
    "add on contacts": add_on_contacts, "add anywhere": add_anywhere, "swap partners": swap_partners, "flip": flip,
    "split": split, "merge": merge,
}  # fmt: skip
"""Kinds of errors."""


def align(truth: Circuit, predicted: Circuit, *, directed: bool = True) -> cg.AlignedEdges:
    """Both as graphs on the same neurons."""
    n = max(truth.n, predicted.n)
    sides = [ends_of(each) if directed else np.sort(ends_of(each), axis=0) for each in (truth, predicted)]
    keys = [source * n + target for source, target in sides]
    pairs, place = np.unique(np.concatenate(keys), return_inverse=True)
    weights = [np.bincount(part, minlength=len(pairs)) for part in np.split(place, [len(keys[0])])]
    nodes = np.arange(1, n + 1, dtype=np.uint64)
    return cg.AlignedEdges(nodes, pairs // n, pairs % n, weights[0], weights[1], directed)


def measure(truth: Circuit, predicted: Circuit) -> dict[str, float]:
    """Every measure of a prediction."""
    both = align(truth, predicted)
    edges, weights, degrees = cg.compare_edges(both), compare_weights(both), compare_degrees(both)
    motifs, total = cg.compare_motifs(both, quick=True), degrees.agreement("total", "degree")
    triads = motifs.census.set_index("motif")["log2_ratio"]
    top = next(found for found in degrees.overlaps if (found.role, found.k) == ("total", 5))
    neurons = score_neurons(both).query("role == 'total' and n_synapses_truth > 0")
    undirected = cg.compare_edges(align(truth, predicted, directed=False))
    values = (
        edges.precision, edges.recall, edges.f1, undirected.f1, compare_thresholds(both, ks=(5,))[0].edges.f1,
        weights.ruzicka, weights.spearman, total.bias, total.slope, total.wasserstein, total.hub_jaccard, top.mean,
        float(neurons["f1"].quantile(0.1)), motifs.ratios["reciprocity"], motifs.ratios["transitivity"],
        triads["030T"], triads["300"], degrees.scc_ratio,
    )  # fmt: skip
    return dict(zip(PERFECT, map(float, values), strict=True))


def check_controls(circuits: dict[str, Circuit]) -> None:
    """The negative control: the same connectome under other ids is perfect by every measure."""
    for name, circuit in circuits.items():
        other = np.random.default_rng(SEED).permutation(circuit.n)
        same = replace(circuit, source=other[circuit.source], target=other[circuit.target])
        found = measure(same, same)
        wrong = [key for key, value in PERFECT.items() if abs(found[key] - value) > 1e-9]
        if wrong:
            raise SystemExit(f"{name}, against itself: not perfect by {', '.join(wrong)}")


def measure_all(name: str, truth: Circuit, targets: Sequence[float], n_seeds: int) -> Iterator[dict[str, float | str]]:
    """Means and standard deviations of all measures, for each kind of error at each expected F1."""
    for target in targets:
        for kind, damage in DAMAGES.items():
            rate = find_rate(truth, damage, target)
            if math.isnan(rate):  # not even all of such errors lower the F1 that far
                continue
            seeds = range(N_PILOT, N_PILOT + n_seeds)
            found = pd.DataFrame(measure(truth, damage(truth, rate, draw_rng(seed))) for seed in seeds)
            for key in PERFECT:
                row = {"connectome": name, "target_f1": target, "error": kind, "rate": rate, "measure": key}
                yield {**row, "mean": found[key].mean(), "sd": found[key].std()}


def find_rate(truth: Circuit, damage: Damage, target: float) -> float:
    """The rate at which the mean F1 of some pilot runs is the target; NaN if no rate is."""

    def mean_f1(rate: float) -> float:
        pilots = (damage(truth, rate, draw_rng(seed)) for seed in range(N_PILOT))
        return float(np.mean([cg.compare_edges(align(truth, pilot)).f1 for pilot in pilots]))

    low, high = 0.0, 2.0 if damage in (add_on_contacts, add_anywhere) else 1.0
    if mean_f1(high) > target:
        return math.nan
    for _ in range(N_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if mean_f1(middle) > target else (low, middle)
    return (low + high) / 2


def draw_rng(seed: int) -> np.random.Generator:
    """The same random numbers for every kind of error."""
    return np.random.default_rng([SEED, seed])


def list_pairs(table: pd.DataFrame) -> pd.DataFrame:
    """One row for every two kinds of errors of a connectome at the same F1: which measures separate them."""
    rows = []
    for (name, target), group in table.groupby(["connectome", "target_f1"], sort=False):
        mean, sd = (
            group.pivot(index="error", columns="measure", values=value)[list(PERFECT)] for value in ("mean", "sd")
        )
        for a, b in combinations(mean.index, 2):
            gap, pooled = (mean.loc[a] - mean.loc[b]).abs(), np.sqrt((sd.loc[a] ** 2 + sd.loc[b] ** 2) / 2)
            told = gap > APART * pooled + 1e-9
            alike = not told[list(GIVEN)].any()
            rows.append({"connectome": name, "target_f1": target, "alike": alike, **told})
    return pd.DataFrame(rows)


def choose_panel(table: pd.DataFrame) -> pd.DataFrame:
    """The pairs that each measure separates, at equal F1 and at equal precision and recall; its place in the panel."""
    pairs = list_pairs(table)
    measures = [key for key in PERFECT if key not in GIVEN]
    alike = pairs[pairs["alike"]]
    place, left = {}, alike[measures].astype(bool)
    while len(left) and left.sum().max() > 0:
        best = str(left.sum().idxmax())
        place[best] = len(place) + 1
        left = left[~left[best]]
    rows = [
        {"measure": key, "n_pairs_f1": len(pairs), "separated_f1": int(pairs[key].sum()),
         "n_pairs_precision_recall": len(alike), "separated_precision_recall": int(alike[key].sum()),
         "panel": place.get(key, 0)}
        for key in PERFECT
    ]  # fmt: skip
    return pd.DataFrame(rows).sort_values(["separated_precision_recall", "separated_f1"], ascending=False)


def draw(table: pd.DataFrame, panel: pd.DataFrame) -> Figure:
    """Every measure under every kind of error at F1 = 0.85; and what each measure separates."""
    names = list(dict.fromkeys(table["connectome"]))
    figure = Figure(figsize=(9.5, 4.3 * len(names) + 3.6), layout="constrained")
    *panels, last = figure.subplots(len(names) + 1, 1, height_ratios=[1] * len(names) + [0.75])
    for axes, name in zip(panels, names, strict=True):
        shown = table[(table["connectome"] == name) & (table["target_f1"] == TARGETS[1])]
        draw_grid(axes, shown)
        axes.set_title(f"{name}: the same F1 = {TARGETS[1]} by different errors", loc="left")
    x = np.arange(len(panel))
    for offset, key, label in ((-0.2, "f1", "at equal F1"), (0.2, "precision_recall", "at equal precision and recall")):
        share = panel[f"separated_{key}"] / panel[f"n_pairs_{key}"].clip(lower=1)
        last.bar(x + offset, share, 0.4, label=f"{label} ({panel[f'n_pairs_{key}'].iloc[0]} pairs)")
    marks = [f"{key} ({place})" if place else key for key, place in zip(panel["measure"], panel["panel"], strict=True)]
    last.set_xticks(x, marks, rotation=40, ha="right")
    last.set_title("Pairs of errors told apart (in brackets: place in the minimal panel)", loc="left")
    last.set(ylabel="share of pairs", ylim=(0, 1))
    last.legend(frameon=False)
    return figure


def draw_grid(axes: Axes, shown: pd.DataFrame) -> None:
    """Means of the measures, coloured by how far they are from perfect."""
    grid = shown.pivot(index="measure", columns="error", values="mean")
    grid = grid.reindex(index=list(PERFECT), columns=[kind for kind in DAMAGES if kind in set(shown["error"])])
    off = grid.sub(pd.Series(PERFECT), axis=0)
    axes.imshow(off.clip(-1, 1), cmap="PuOr", vmin=-1, vmax=1, aspect="auto")
    axes.set_xticks(range(grid.shape[1]), [kind.replace(" ", "\n", 1) for kind in grid.columns])
    axes.set_yticks(range(len(grid)), grid.index)
    for (i, j), value in np.ndenumerate(grid.to_numpy()):
        dark = abs(off.iat[i, j]) > 0.65
        axes.text(j, i, f"{value:.2f}", ha="center", va="center", fontsize=7, color="white" if dark else "black")


if __name__ == "__main__":
    raise SystemExit(main())
