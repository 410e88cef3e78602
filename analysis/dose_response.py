"""From which rate on does a measure see an error, when does a conclusion fall, and which measure says so beforehand?

    python analysis/dose_response.py --out DIR [--quick]

The ten kinds of errors of ``metric_sensitivity.py``, each at growing rates and with several seeds, on the left
hemisphere of the larva (where it is not present, and with --quick, on a phantom).

- Detection limit of a measure: the smallest rate at which its mean is further from perfect than 2 standard deviations
  of the reference, links lost at random at the same rate. Monotony: rank correlation of the measure with the rate.
- Three conclusions, beside each prediction: the feed-forward loops (030T) against random graphs that keep degrees and
  reciprocity (falls if they are no longer "more" by the tolerance of ``compare_to_null``); the hubs, the tenth of the
  neurons with most synapses (falls if less than 80 % are kept); every neuron's five strongest targets (likewise).
- Which measure foretells a conclusion: rank correlation, over all predictions, of its distance from perfect with what
  the conclusion lost. Judged on errors not seen: the best measure is chosen on seven kinds of errors and judged on the
  other three, for all 120 choices. A measure that is the conclusion by another name is left out.
- Yardstick: the measures between the two hemispheres of the larva, on the neurons that are paired. An error that is
  smaller than this is smaller than the difference between two sides of one animal.

Writes ``dose_response.csv`` (means), ``dose_response_limits.csv``, ``dose_response_conclusions.csv``, ``.pdf`` and
``.json`` (provenance) to DIR, and prints the last table and the yardstick.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
from common import SHARED, write_study
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from metric_sensitivity import DAMAGES, PERFECT, SEED, Circuit, align, draw_rng, load_circuits, measure
from scipy.stats import spearmanr

from connectograph.degrees import compare_degrees
from connectograph.motifs import compare_to_null

RATES = (0.005, 0.02, 0.08, 0.2, 0.4)
N_SEEDS, N_HELD_OUT, N_NULLS = 4, 3, 1
KEPT = 0.8  # share of hubs, or of strongest targets, below which the list is another one
SAME_THING = {"feed-forward loops": "log2 030T", "hubs": "hubs kept", "strongest targets": "top 5 partners"}
"""Conclusions, with the measure that is the same by another name."""
SIDES = SHARED / "data" / "larva_left_right"


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="a small phantom, two rates, two seeds")
    options = parser.parse_args(argv)
    rates, n_seeds = (RATES[2::2], 2) if options.quick else (RATES, N_SEEDS)
    *_, (name, circuit) = load_circuits(quick=options.quick)
    runs = pd.DataFrame(run_all(circuit, rates, n_seeds))
    yardstick = compare_sides() if SIDES.is_dir() and not options.quick else {}
    means = runs.drop(columns="seed").groupby(["error", "rate"], sort=False).mean().reset_index()
    limits = pd.DataFrame(find_limits(runs, yardstick))
    conclusions = pd.DataFrame(row for conclusion in SAME_THING for row in foretell(runs, conclusion))
    settings = {"seed": SEED, "seeds": n_seeds, "rates": rates, "connectome": name, "hemispheres": yardstick}
    write_study(options.out, "dose_response", means, draw(limits, conclusions), settings)
    for key, table in (("limits", limits), ("conclusions", conclusions)):
        table.to_csv(options.out / f"dose_response_{key}.csv", index=False, float_format="%.6g")
    print(conclusions.to_string(index=False, float_format="{:.2f}".format))
    print("\n".join(f"between hemispheres: {key} {value:.3f}" for key, value in yardstick.items()))
    return 0


def run_all(truth: Circuit, rates: Sequence[float], n_seeds: int) -> Iterator[dict[str, float | str]]:
    """Measures, and losses of the conclusions, of every prediction."""
    for kind, damage in DAMAGES.items():
        for rate in rates:
            for seed in range(n_seeds):
                predicted = damage(truth, rate, draw_rng(seed))
                case = {"error": kind, "rate": rate, "seed": seed}
                yield {**case, **measure(truth, predicted), **judge(truth, predicted)}


def judge(truth: Circuit, predicted: Circuit) -> dict[str, float]:
    """What each conclusion lost, and whether it stands (1 or 0)."""
    both = align(truth, predicted)
    degrees = compare_degrees(both)
    jaccard = degrees.agreement("total", "strength").hub_jaccard
    targets = next(found.mean for found in degrees.overlaps if (found.role, found.k) == ("out", 5))
    nulls = compare_to_null(both, rng=draw_rng(0), n=N_NULLS).motifs.set_index("motif").loc["030T"]
    kept = {"hubs": 2 * jaccard / (1 + jaccard), "strongest targets": targets}
    return {
        "lost: feed-forward loops": abs(float(nulls["delta"])),
        "stands: feed-forward loops": float(nulls["preserved"]),
        **{f"lost: {name}": 1 - share for name, share in kept.items()},
        **{f"stands: {name}": float(share >= KEPT) for name, share in kept.items()},
    }


def compare_sides() -> dict[str, float]:
    """Every measure of the larva's right hemisphere against its left one, on the neurons that are paired."""
    pairs = pd.read_csv(SIDES / "left_nodes.csv").dropna(subset=["pair"]).drop_duplicates("pair")
    partners = {"left": pairs["neuron_id"], "right": pairs["pair"]}
    return measure(*(read_side(side, ids.to_numpy(np.int64)) for side, ids in partners.items()))


def read_side(side: str, ids: npt.NDArray[np.int64]) -> Circuit:
    """The synapses between the given neurons of one hemisphere."""
    edges = pd.read_csv(SIDES / f"{side}_edges.csv").query("source != target")
    edges = edges[edges["source"].isin(ids) & edges["target"].isin(ids)]
    place = pd.Series(np.arange(len(ids)), ids)
    source, target = (
        np.repeat(place[edges[end]].to_numpy(), edges["n_synapses"].to_numpy()) for end in ("source", "target")
    )
    return Circuit(len(ids), source, target, np.zeros(len(source)))


def find_limits(runs: pd.DataFrame, yardstick: dict[str, float]) -> Iterator[dict[str, float | str]]:
    """Monotony and detection limit of each measure under each kind of error; the rate that equals the other side."""
    noise = runs[runs["error"] == "lose any"].groupby("rate")[list(PERFECT)].std()
    for kind, group in runs.groupby("error", sort=False):
        for key, perfect in PERFECT.items():
            shift = (group.groupby("rate")[key].mean() - perfect).abs()
            seen, alike = shift > 2 * noise[key] + 1e-9, shift >= abs(yardstick.get(key, np.nan) - perfect)
            yield {
                "error": str(kind),
                "measure": key,
                "monotony": float(spearmanr(group["rate"], group[key])[0]) if group[key].nunique() > 1 else np.nan,
                "detection_limit": float(seen.idxmax()) if seen.any() else np.nan,
                "rate_like_other_side": float(alike.idxmax()) if alike.any() else np.nan,
            }


def foretell(runs: pd.DataFrame, conclusion: str) -> Iterator[dict[str, float | str]]:
    """How well each measure ranks predictions by what a conclusion lost: over all, and on kinds of errors not seen."""
    allowed = [key for key in PERFECT if key != SAME_THING[conclusion]]
    off = (runs[allowed] - pd.Series(PERFECT)[allowed]).abs()
    lost, kinds = runs[f"lost: {conclusion}"], list(DAMAGES)
    chosen: list[str] = []
    unseen: list[pd.Series[float]] = []
    for held_out in combinations(kinds, N_HELD_OUT):
        inside = runs["error"].isin(held_out)
        chosen.append(str(rank(off[~inside], lost[~inside]).idxmax()))
        unseen.append(rank(off[inside], lost[inside]))
    overall, held = rank(off, lost), pd.DataFrame(unseen)
    picked = [row[key] for key, row in zip(chosen, unseen, strict=True)]
    yield {
        "conclusion": conclusion, "measure": "the one chosen", "correlation": np.nan,
        "held_out_mean": float(np.mean(picked)), "held_out_least": min(picked), "times_chosen": len(chosen),
    }  # fmt: skip
    for key in overall.sort_values(ascending=False).index:
        yield {
            "conclusion": conclusion, "measure": key, "correlation": overall[key], "held_out_mean": held[key].mean(),
            "held_out_least": held[key].min(), "times_chosen": chosen.count(key),
        }  # fmt: skip


def rank(off: pd.DataFrame, lost: pd.Series[float]) -> pd.Series[float]:
    """Rank correlation of each measure's distance from perfect with a loss; 0 for a measure that never moves."""
    return off.rank().corrwith(lost.rank()).fillna(0.0)


def draw(limits: pd.DataFrame, conclusions: pd.DataFrame) -> Figure:
    """Detection limits as a grid; correlations with what the conclusions lost as bars."""
    figure = Figure(figsize=(9.5, 9.0), layout="constrained")
    above, below = figure.subplots(2, 1, height_ratios=[1.3, 1])
    draw_limits(above, limits.pivot(index="measure", columns="error", values="detection_limit"))
    shown = conclusions[conclusions["measure"] != "the one chosen"]
    grid = shown.pivot(index="measure", columns="conclusion", values="held_out_mean").reindex(list(PERFECT))
    x = np.arange(len(grid))
    for k, name in enumerate(SAME_THING):
        below.bar(x + 0.27 * (k - 1), grid[name], 0.27, label=name)
    below.set_xticks(x, grid.index, rotation=40, ha="right")
    below.set(ylabel="rank correlation", ylim=(min(0.0, float(grid.min().min())), 1.15))
    below.set_title("Which measure foretells what a conclusion loses (kinds of errors not seen, mean)", loc="left")
    below.legend(frameon=False, ncols=3, loc="upper left")
    return figure


def draw_limits(axes: Axes, grid: pd.DataFrame) -> None:
    """Smallest rate seen, darker where smaller; empty where none was."""
    grid = grid.reindex(index=list(PERFECT), columns=list(DAMAGES))
    axes.imshow(-np.log10(grid), cmap="Blues", vmin=0, vmax=3, aspect="auto")
    axes.set_xticks(range(grid.shape[1]), [kind.replace(" ", "\n", 1) for kind in grid.columns])
    axes.set_yticks(range(len(grid)), grid.index)
    for (i, j), value in np.ndenumerate(grid.to_numpy()):
        text = "–" if np.isnan(value) else f"{value:g}"
        axes.text(j, i, text, ha="center", va="center", fontsize=7, color="white" if value < 0.01 else "black")
    axes.set_title("Smallest rate of errors that a measure sees", loc="left")


if __name__ == "__main__":
    raise SystemExit(main())
