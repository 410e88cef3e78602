"""How dilation, size filter and partner rule change the score, on a phantom and, where present, on a real segmentation.

    python analysis/dilation_and_size.py --out DIR [--quick]

Prints what each setting does when it alone is changed from dilation 1, no size filter, all pairs; writes all
combinations as ``dilation_and_size.csv``, ``.pdf`` and ``.json`` (provenance) to DIR.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import Any

import pandas as pd
from common import SHARED, write_study
from matplotlib.figure import Figure

import connectograph as cg

REAL = SHARED / "data" / "pinky40" / "evaluation_128x512x512.hdf"
REAL_PREDICTED = REAL.with_name("prediction_128x512x512.xz")
DILATIONS = (0, 1, 2, 3, 5, 8)
SIZES = (0, 50, 500, 5000, 50_000)
RULES = ("all-pairs", "top-pair")
BASE = {"dilation": 1, "min_segment_voxels": 0, "partner_rule": "all-pairs"}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="the phantom only, at few settings")
    options = parser.parse_args(argv)
    dilations, sizes = (DILATIONS[1:3], SIZES[:2]) if options.quick else (DILATIONS, SIZES)
    table = pd.DataFrame(
        score(name, volumes, dict(zip(BASE, values, strict=True)))
        for name, volumes in cases(quick=options.quick)
        for values in product(dilations, sizes, RULES)
    )
    settings = {"dilations": dilations, "sizes": sizes, "partner_rules": RULES}
    write_study(options.out, "dilation_and_size", table, draw(table), settings)
    print(summarise(table).to_string(index=False, float_format="%.3f"))
    return 0


def cases(*, quick: bool) -> Iterator[tuple[str, dict[str, cg.Volume]]]:
    """The volumes to evaluate, by name."""
    phantom = cg.synthetic.make_phantom("small", rng=1)
    yield "phantom", {name: getattr(phantom, name) for name in ("segmentation", "truth", "predicted")}
    if REAL.is_file() and not quick:
        segmentation = cg.read_volume(REAL, role="segmentation")
        yield (
            "pinky40",
            {
                "segmentation": segmentation,
                "truth": cg.read_volume(REAL, role="truth"),
                "predicted": cg.read_volume(REAL_PREDICTED, role="predicted", like=segmentation),
            },
        )


def score(name: str, volumes: dict[str, cg.Volume], settings: dict[str, Any]) -> dict[str, Any]:
    """One row: the connections, the scores and what they leave out."""
    inputs = {role: volume for role, volume in volumes.items() if role != "segmentation"}
    ev = cg.evaluate(volumes["segmentation"], **inputs, **settings)
    excluded = ev.report["excluded"]
    return {
        "case": name,
        **settings,
        "n_segments": ev.report["nodes"]["n_segments"],
        "truth_edges": ev.edges.tp + ev.edges.fn,
        "predicted_edges": ev.edges.tp + ev.edges.fp,
        "precision": ev.edges.precision,
        "recall": ev.edges.recall,
        "f1": ev.edges.f1,
        "strict_f1": ev.strict.f1,
        "truth_unattached": excluded["truth_synapses_unattached"],
        "truth_pairs_filtered": excluded["truth_pairs_filtered"],
    }


def summarise(table: pd.DataFrame) -> pd.DataFrame:
    """The rows that differ from the base in one setting at most; first the base."""
    changed = sum((table[name] != value).astype(int) for name, value in BASE.items())
    shown = ["case", *BASE, "n_segments", "truth_edges", "predicted_edges", "precision", "recall", "f1", "strict_f1"]
    nearest = table.loc[changed <= 1, shown].assign(changed=changed)
    return nearest.sort_values(["case", "changed"], kind="stable").drop(columns="changed")


def draw(table: pd.DataFrame) -> Figure:
    """F1 (solid) and strict F1 (dashed) over the dilation, one line a size limit, one panel a case and rule."""
    panels = list(table.groupby(["case", "partner_rule"], sort=False))
    figure = Figure(figsize=(3.2 * len(panels), 3.6), layout="constrained")
    for axes, ((case, rule), rows) in zip(figure.subplots(1, len(panels), sharey=True), panels, strict=True):
        for k, (size, line) in enumerate(rows.groupby("min_segment_voxels")):
            axes.plot(line["dilation"], line["f1"], "o-", color=f"C{k}", label=f"{size:,} voxels")
            axes.plot(line["dilation"], line["strict_f1"], "--", color=f"C{k}")
        axes.set(title=f"{case}, {rule}", xlabel="dilation (voxels)", ylim=(0, 1))
    figure.axes[0].set_ylabel("F1 (dashed: strict)")
    figure.axes[0].legend(title="smallest segment", frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
