"""How the dilation and the segment-size filter change the score, on a phantom and, where present, on a real case.

    python analysis/dilation_and_size.py --out DIR [--quick]

Writes ``dilation_and_size.csv``, ``.pdf`` and ``.json`` (provenance) to DIR.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import pandas as pd
from common import SHARED, write_study
from matplotlib.figure import Figure

import connectograph as cg

REAL = SHARED / "data" / "pinky40" / "evaluation_128x512x512.hdf"
REAL_PREDICTED = REAL.with_name("prediction_128x512x512.xz")
DILATIONS = (0, 1, 2, 3, 5, 8)
SIZES = (0, 50, 500, 5000, 50_000)


def main(argv: Sequence[str] | None = None) -> int:
    """Run the study."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="DIR")
    parser.add_argument("--quick", action="store_true", help="the phantom only, at few settings")
    options = parser.parse_args(argv)
    dilations, sizes = (DILATIONS[1:3], SIZES[:2]) if options.quick else (DILATIONS, SIZES)
    table = pd.DataFrame(
        score(name, volumes, dilation, size)
        for name, volumes in cases(quick=options.quick)
        for dilation, size in product(dilations, sizes)
    )
    write_study(options.out, "dilation_and_size", table, draw(table), {"dilations": dilations, "sizes": sizes})
    print(table.to_string(index=False))
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


def score(name: str, volumes: dict[str, cg.Volume], dilation: int, size: int) -> dict[str, float | str]:
    """One row: the scores and what they leave out."""
    inputs = {role: volume for role, volume in volumes.items() if role != "segmentation"}
    ev = cg.evaluate(volumes["segmentation"], **inputs, dilation=dilation, min_segment_voxels=size)
    excluded = ev.report["excluded"]
    return {
        "case": name,
        "dilation": dilation,
        "min_segment_voxels": size,
        "n_segments": ev.report["nodes"]["n_segments"],
        "precision": ev.edges.precision,
        "recall": ev.edges.recall,
        "f1": ev.edges.f1,
        "strict_f1": ev.strict.f1,
        "truth_unattached": excluded["truth_synapses_unattached"],
        "truth_pairs_filtered": excluded["truth_pairs_filtered"],
    }


def draw(table: pd.DataFrame) -> Figure:
    """F1 (solid) and strict F1 (dashed) over the dilation, one line a size limit, one panel a case."""
    names = list(dict.fromkeys(table["case"]))
    figure = Figure(figsize=(4.2 * len(names), 3.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(names), sharey=True, squeeze=False)[0], names, strict=True):
        rows = table[table["case"] == name]
        for k, (size, line) in enumerate(rows.groupby("min_segment_voxels")):
            colour = f"C{k}"
            axes.plot(line["dilation"], line["f1"], "o-", color=colour, label=f"{size:,} voxels")
            axes.plot(line["dilation"], line["strict_f1"], "--", color=colour)
        axes.set(title=name, xlabel="dilation (voxels)", ylim=(0, 1))
    figure.axes[0].set_ylabel("F1 (dashed: strict)")
    figure.axes[0].legend(title="smallest segment", frameon=False)
    return figure


if __name__ == "__main__":
    raise SystemExit(main())
