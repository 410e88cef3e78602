"""``compare --max-memory``: edge tables larger than memory."""

from __future__ import annotations

import argparse
from pathlib import Path

from connectograph.cli.console import print_closing, print_weights
from connectograph.errors import InputError

__all__ = ["compare_large"]

_NOTICE = (
    "scores of edges and synapses alone: --max-memory leaves out intervals, all other measures, tables and reports"
)


def compare_large(options: argparse.Namespace) -> int:
    """Compare two edge tables on disk within the memory that is allowed."""
    _refuse_others(options)
    from connectograph.blocks import parse_size
    from connectograph.compare import compare_files
    from connectograph.io.large_tables import count_autapses, count_nodes
    from connectograph.report import write_verdict

    files, limit = (options.truth, options.predicted[0]), parse_size(options.max_memory)
    score, weights = compare_files(*files, directed=options.directed, max_memory=limit)
    sides = zip(("autapses_truth", "autapses_predicted"), files, strict=True)
    edges = score.to_dict() | {name: count_autapses(path, max_memory=limit) for name, path in sides}
    report = {"nodes": {"n_segments": count_nodes(files, max_memory=limit)}, "edges": edges, "excluded": {}}
    print(f"note: {_NOTICE}")
    print(write_verdict(report))
    print_weights(weights, edges)
    print_closing(report)
    f1 = edges["f1"]
    return 1 if options.fail_under is not None and (f1 is None or f1 < options.fail_under) else 0


def _refuse_others(options: argparse.Namespace) -> None:
    """Refuse what needs both connectomes in memory, by name."""
    without = "Leave it out, or leave out --max-memory."
    for name in ("out", "match", "types", "proofread", "card"):
        if getattr(options, name) is not None:
            raise InputError(f"--{name} does not go with --max-memory, which prints scores and no more. {without}")
    if len(options.predicted) > 1:
        raise InputError(f"--max-memory compares one PREDICTED; found {len(options.predicted)}. Compare them in turn.")
    for path in (options.truth, *options.predicted):
        if Path(path).suffix.lower() != ".parquet":
            raise InputError(
                f"{path} does not go with --max-memory: expected an edge table as .parquet with the columns source, "
                "target and n_synapses. Write it so, or leave out --max-memory."
            )
