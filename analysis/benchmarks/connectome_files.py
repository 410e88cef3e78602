"""Write two connectomes as Parquet tables: python connectome_files.py FOLDER NEURONS,EDGES."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

SEED = 20240501


def draw_pair(n: int, m: int, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Truth and prediction: nine tenths of its edges, and a tenth of another connectome's."""
    truth, other = draw_table(n, m, rng), draw_table(n, m, rng)
    kept = [table[rng.random(m) < share] for table, share in ((truth, 0.9), (other, 0.1))]
    return truth, pd.concat(kept).drop_duplicates(["source", "target"])


def draw_table(n: int, m: int, rng: np.random.Generator) -> pd.DataFrame:
    """Edges among n neurons, log-normal degrees, a tenth of them answered."""
    keys = np.empty(0, np.int64)
    weights = rng.lognormal(size=(2, n))
    while len(keys) < m:
        source, target = (rng.choice(n, m, p=weight / weight.sum()) for weight in weights)
        answered = rng.random(m) < 0.1
        new = np.concatenate([source * n + target, target[answered] * n + source[answered]])
        keys = np.unique(np.concatenate([keys, new[new // n != new % n]]))
    source, target = np.divmod(np.sort(rng.permutation(keys)[:m]), n)
    ids = {"source": source.astype(np.uint64) + 1, "target": target.astype(np.uint64) + 1}
    return pd.DataFrame({**ids, "n_synapses": rng.geometric(0.4, m)})


if __name__ == "__main__":
    neurons, edges = map(int, sys.argv[2].split(","))
    pair = draw_pair(neurons, edges, np.random.default_rng(SEED))
    for name, table in zip(("truth", "predicted"), pair, strict=True):
        table.to_parquet(Path(sys.argv[1]) / f"{name}.parquet")
