"""The picture of the README: what the demonstration's report shows.

python analysis/readme_picture.py --out analysis/readme.png
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageChops

import connectograph as cg

PICTURES = ("middle_slice.png", "adjacency.png", "degree.png")
HEIGHT, GAP = 420, 24


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the picture."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    options = parser.parse_args(argv)
    phantom = cg.synthetic.make_phantom("small", rng=1)
    ev = cg.evaluate(phantom.segmentation, truth=phantom.truth, predicted=phantom.predicted, raw=phantom.raw)
    with tempfile.TemporaryDirectory() as folder:
        ev.write(folder)
        side_by_side([Path(folder, "figures", name) for name in PICTURES]).save(options.out, optimize=True)
    return 0


def side_by_side(files: Sequence[Path]) -> Image.Image:
    """The pictures at one height, from left to right."""
    pictures = [picture.resize((picture.width * HEIGHT // picture.height, HEIGHT)) for picture in map(open_rgb, files)]
    row = Image.new("RGB", (sum(p.width for p in pictures) + GAP * (len(pictures) - 1), HEIGHT), "white")
    left = 0
    for picture in pictures:
        row.paste(picture, (left, 0))
        left += picture.width + GAP
    return row


def open_rgb(file: Path) -> Image.Image:
    """A picture on white, without its empty margins."""
    with Image.open(file) as picture:
        rgba = picture.convert("RGBA")
    white = Image.new("RGBA", rgba.size, "white")
    rgb = Image.alpha_composite(white, rgba).convert("RGB")
    return rgb.crop(ImageChops.invert(rgb).getbbox())


if __name__ == "__main__":
    raise SystemExit(main())
