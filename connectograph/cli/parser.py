"""Arguments of all commands; nothing heavy is imported before a command runs."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from connectograph._version import __version__

__all__ = ["build_parser"]

_LINK_HELP = "in any viewer, with {x} {y} {z} (voxels), {x_nm} {y_nm} {z_nm}, {source} {target} {synapse_id}"
_CARD_HELP = "report card: a TOML file of purposes and what they need; 'default' is the one that comes with it"
_CHUNKS_HELP = "read chunks that a Zarr, N5 or precomputed volume lacks as background, and count them; else an error"
_ENGINE_HELP = "threads (default), processes, dask (on this machine) or dask:tcp://HOST:PORT (a scheduler's workers)"
_PROOFREAD_HELP = "the only proofread neurons, as a list or a file of ids: what they cannot tell is bounded or left out"
_LARGE_HELP = "e.g. 2GiB: two edge tables (.parquet) larger than memory; prints the scores alone, writes nothing"
_IDS_HELP = "segment ids that are no neurons: a comma-separated list, or a file with one id a line"


def build_parser() -> argparse.ArgumentParser:
    """The parser of the whole command line."""
    parser = argparse.ArgumentParser(
        prog="connectograph",
        description="How good is this predicted connectome, and why?",
        epilog="Volumes are FILE or FILE:DATASET (HDF5), .npy, .npz, .tif, .xz holding a pickled numpy array, or "
        "folders and URLs of (OME-)Zarr, N5, neuroglancer precomputed and webKnossos; FOLDER:DATASET names a part.",
    )
    parser.add_argument("--version", action="version", version=f"connectograph {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (_demo, _check, _clean, _contacts, _evaluate, _compare, _report, _verify, _convert, _export, _download):
        add(commands)
    return parser


Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: Commands, name: str, summary: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=summary, description=summary)
    parser.set_defaults(run=_late(name))
    return parser


def _late(name: str) -> Callable[[argparse.Namespace], int]:
    """The command's function, imported when it is called."""

    def run(options: argparse.Namespace) -> int:
        from connectograph.cli import commands
        from connectograph.cli.console import start_log

        start_log()
        return int(getattr(commands, f"run_{name}")(options))

    return run


def _with_reader(options: argparse.Namespace) -> int:
    """Evaluate, with a process that reads beside this one."""
    from connectograph.cli.ahead import reader_ahead

    with reader_ahead(options) as options.reader:
        return _late("evaluate")(options)


def _demo(commands: Commands) -> None:
    parser = _command(commands, "demo", "generate a phantom, evaluate it, write the report")
    parser.add_argument(
        "--out", type=_path, default=Path("connectograph-demo"), metavar="DIR", help="default: %(default)s"
    )


def _check(commands: Commands) -> None:
    parser = _command(commands, "check", "show what volumes hold and what is assumed about them; writes nothing")
    parser.add_argument("volumes", nargs="+", metavar="FILE[:DATASET]")
    _reading(parser)


def _clean(commands: Commands) -> None:
    parser = _command(commands, "clean", "preprocess a segmentation and write it in the CREMI layout")
    parser.add_argument("segmentation", metavar="SEG")
    parser.add_argument("--out", required=True, type=_path, metavar="FILE")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    _keeping(parser)
    _reading(parser)


def _contacts(commands: Commands) -> None:
    parser = _command(commands, "contacts", "list which segments touch (the contactome), or which each synapse joins")
    parser.add_argument("segmentation", metavar="SEG")
    parser.add_argument(
        "--out", required=True, type=_path, metavar="FILE",
        help=".parquet or .csv: the table; .hdf, .zarr, .npy or .tif: the overlap of the dilated segments as a volume",
    )  # fmt: skip
    parser.add_argument("--synapses", metavar="CLEFTS", help="of these synapses instead of the whole volume")
    parser.add_argument("--overwrite", action="store_true", help="replace FILE")
    _dilating(parser)
    _keeping(parser)
    _reading(parser)


def _evaluate(commands: Commands) -> None:
    parser = _command(commands, "evaluate", "score a synapse prediction by the connections it implies")
    parser.set_defaults(run=_with_reader)
    parser.add_argument("segmentation", metavar="SEG", help="neuron labels; a CREMI file needs no dataset")
    parser.add_argument("--truth", metavar="CLEFTS", help="true synapses; default: the clefts in SEG's CREMI file")
    parser.add_argument(
        "--predicted", nargs="+", action="extend", metavar="PRED",
        help="predicted synapses: labels, a mask or a heat map; several make a study, ranked in DIR",
    )  # fmt: skip
    parser.add_argument("--predicted-segmentation", metavar="SEG", help="neuron labels of PRED, if not the true ones")
    parser.add_argument(
        "--skeletons", metavar="SWC", help="true neurons, file or folder: run length of --predicted-segmentation"
    )
    parser.add_argument(
        "--swc-units", type=_swc_units, metavar="UNIT", help="of --skeletons: nm, um, or for voxels their size Z,Y,X"
    )
    parser.add_argument("--raw", metavar="FILE[:DATASET]", help="electron microscopy, shown in the report")
    parser.add_argument("--out", type=_path, metavar="DIR", help="run directory; without it nothing is written")
    _dilating(parser)
    _keeping(parser)
    parser.add_argument(
        "--partner-rule", default="all-pairs", metavar="RULE",
        help="all-pairs (default) or top-pair; directed: partners (points) or pre-post (masks)",
    )  # fmt: skip
    parser.add_argument(
        "--truth-post", metavar="FILE[:DATASET]", help="pre-post: postsynaptic mask, with --truth as presynaptic"
    )
    parser.add_argument(
        "--predicted-post", nargs="+", action="extend", metavar="FILE[:DATASET]",
        help="the same with --predicted; one for each prediction",
    )  # fmt: skip
    parser.add_argument(
        "--point-resolution", type=_triple, metavar="Z,Y,X", help="partners: unit of the positions in a table, in nm"
    )
    parser.add_argument("--min-contact-voxels", type=int, default=1, metavar="N", help="voxels a link needs")
    parser.add_argument("--predicted-form", choices=("labels", "mask", "heatmap"), help="of PRED; default: judged")
    parser.add_argument("--threshold", type=float, metavar="T", help="of a heat map, in its stored units")
    parser.add_argument("--min-synapse-voxels", type=int, default=1, metavar="N", help="of predicted ones")
    parser.add_argument("--contactome", action="store_true", help="also list all contacts between segments")
    parser.add_argument("--proofread", metavar="IDS", help=_PROOFREAD_HELP)
    parser.add_argument("--card", metavar="FILE", help=_CARD_HELP)
    parser.add_argument("--fail-under", type=_score, metavar="F1", help="exit with 1 if F1 is below, or undefined")
    parser.add_argument("--no-report", action="store_true", help="no PDF, HTML and figures")
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--overwrite", action="store_true", help="replace the run that DIR holds")
    group.add_argument("--resume", action="store_true", help="go on with the unfinished run or study in DIR, if any")
    parser.add_argument(
        "--max-memory", metavar="SIZE", help="e.g. 2GiB, tables not counted (default: 60 %% of what is free)"
    )
    _reading(parser)


def _compare(commands: Commands) -> None:
    parser = _command(commands, "compare", "compare two edge tables, count matrices or graphs; no volume needed")
    parser.add_argument("truth", metavar="TRUTH")
    parser.add_argument("predicted", nargs="+", metavar="PREDICTED", help="several make a study, ranked in DIR")
    parser.add_argument("--out", type=_path, metavar="DIR")
    parser.add_argument("--directed", action="store_true", help="source is presynaptic, target postsynaptic")
    parser.add_argument("--match", metavar="CSV", help="pairs of ids (truth, predicted) of the same neuron")
    parser.add_argument("--types", metavar="CSV", help="ids and types of true neurons: compare how types are connected")
    parser.add_argument("--max-memory", metavar="SIZE", help=_LARGE_HELP)
    parser.add_argument("--proofread", metavar="IDS", help=_PROOFREAD_HELP)
    parser.add_argument("--card", metavar="FILE", help=_CARD_HELP)
    parser.add_argument("--fail-under", type=_score, metavar="F1", help="exit with 1 if F1 is below, or undefined")
    parser.add_argument("--no-report", action="store_true", help="no PDF, HTML and figures")
    parser.add_argument("--overwrite", action="store_true", help="replace the run that DIR holds")


def _report(commands: Commands) -> None:
    parser = _command(commands, "report", "render PDF, HTML and figures again from what a run directory holds")
    parser.add_argument("directory", type=_path, metavar="DIR")
    parser.add_argument("--link-template", metavar="URL", help=f"links of the errors: address {_LINK_HELP}")


def _verify(commands: Commands) -> None:
    parser = _command(commands, "verify", "recompute a run from the inputs recorded in it and name what differs")
    parser.add_argument("directory", type=_path, metavar="DIR")


def _convert(commands: Commands) -> None:
    parser = _command(commands, "convert", "between volume formats; several arrays into one CREMI file")
    parser.add_argument("inputs", nargs="+", metavar="IN[:DATASET]", help="several: segmentation, clefts, raw")
    parser.add_argument("output", metavar="OUT[:DATASET]")
    parser.add_argument("--overwrite", action="store_true", help="replace OUT")
    _reading(parser, workers=False)


def _download(commands: Commands) -> None:
    parser = _command(commands, "download", "fetch a public volume; what broke off goes on, what is there is checked")
    parser.add_argument("dataset", choices=("cremi",), help="cremi: the challenge's training volumes, fly brain")
    parser.add_argument("sample", choices=("A", "B", "C"))
    parser.add_argument("--out", type=_path, default=Path(), metavar="DIR", help="default: the current folder")
    parser.add_argument("--padded", action="store_true", help="the file whose raw data reach beyond the labels")
    parser.add_argument("--mirror", metavar="URL", help="folder that holds copies of the files")


def _export(commands: Commands) -> None:
    parser = _command(commands, "export", "write a run's volumes and errors for a viewer")
    parser.add_argument("directory", type=_path, metavar="DIR")
    parser.add_argument("viewer", choices=("webknossos", "neuroglancer", "napari"))
    parser.add_argument("--out", type=_path, metavar="PATH", help="folder to write; default: DIR/VIEWER")
    parser.add_argument(
        "--url", metavar="URL", help="neuroglancer: where the folder is served; webknossos: the dataset's address there"
    )
    parser.add_argument("--link-template", metavar="URL", help=f"links of the errors: address {_LINK_HELP}")
    parser.add_argument("--max-errors", type=int, default=1000, metavar="N", help="the costliest; default: %(default)s")
    parser.add_argument("--overwrite", action="store_true", help="replace an earlier export")
    parser.add_argument("--upload", action="store_true", help="webknossos: upload with your token, in WK_TOKEN")
    parser.add_argument("--server", default="https://webknossos.org", metavar="URL", help="default: %(default)s")


def _dilating(parser: argparse.ArgumentParser) -> None:
    group = parser.add_mutually_exclusive_group()
    # no default here: argparse would not notice that --dilation 1 was given beside --dilation-nm
    group.add_argument("--dilation", type=int, metavar="N", help="voxels: z by 1, y, x by N (default 1)")
    group.add_argument("--dilation-nm", type=float, metavar="R", help="radius in nm instead")


def _keeping(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--min-segment-voxels", type=int, default=0, metavar="N", help="smaller segments are no nodes")
    parser.add_argument("--exclude-segments", default="", metavar="IDS", help=_IDS_HELP)
    parser.add_argument("--split-disconnected", action="store_true", help="split segments into 26-connected components")
    parser.add_argument(
        "--min-split-fraction", type=float, default=0.1, metavar="F",
        help="share of its segment that a component needs to become one (default 0.1)",
    )  # fmt: skip


def _reading(parser: argparse.ArgumentParser, *, workers: bool = True) -> None:
    parser.add_argument("--axes", choices=("zyx", "xyz"), default="zyx", help="order in which the files store the axes")
    parser.add_argument("--voxel-size", type=_triple, metavar="Z,Y,X", help="in nm, instead of the files' own")
    parser.add_argument("--allow-missing-chunks", action="store_true", help=_CHUNKS_HELP)
    if workers:
        parser.add_argument("--workers", type=_positive, metavar="N", help="default: the CPUs allowed")
        parser.add_argument("--engine", default="threads", metavar="ENGINE", help=_ENGINE_HELP)


def _triple(text: str) -> tuple[float, float, float]:
    try:
        z, y, x = (float(part.strip().removesuffix("nm")) for part in text.split(","))
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is no voxel size; expected Z,Y,X in nm, e.g. 40,4,4") from None
    return z, y, x


def _swc_units(text: str) -> str | tuple[float, float, float]:
    return text if text in ("nm", "um") else _triple(text)


def _score(text: str) -> float:
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if not 0 <= score <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no score; expected a number from 0 to 1")
    return score


def _path(text: str) -> Path:
    try:
        os.lstat(text)
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        pass  # what that means depends on the command
    except (OSError, ValueError) as error:  # too long, or with a null byte
        raise argparse.ArgumentTypeError(
            f"{text[:50]!r} is no path: {getattr(error, 'strerror', '') or error}"
        ) from None
    return Path(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of workers; expected 1 or more")
    return int(text)
