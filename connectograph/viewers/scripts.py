"""Small programs that go with exported data: one that opens a run in napari, one that serves a folder."""

from __future__ import annotations

__all__ = ["write_script", "write_server"]

_NAPARI = '''"""Opens a run of connectograph in napari: pip install napari connectograph; python {name}"""

from pathlib import Path

import napari
import numpy as np
import pandas as pd

from connectograph.evaluation import read_layers

RUN = {run!r}
COLOURS = {colours!r}
ERRORS = Path(__file__).with_name("errors.csv")

viewer = napari.Viewer(title=RUN)
for name, volume in read_layers(RUN).items():
    # the middle of the first voxel: that is what napari calls its position
    place = [start + size / 2 for start, size in zip(volume.offset, volume.voxel_size)]
    voxels = np.asarray(volume.labels[:, :, :])
    if name == "raw":
        viewer.add_image(voxels, name=name, scale=volume.voxel_size, translate=place)
        continue
    # small numbers instead of ids, which napari would round: the status bar shows the id of each
    ids, codes = np.unique(voxels, return_inverse=True)
    first = 0 if len(ids) and ids[0] == 0 else 1
    codes = codes.reshape(voxels.shape).astype(np.int32) + first
    features = pd.DataFrame({{"index": np.arange(len(ids)) + first, "id": [str(i) for i in ids]}})
    viewer.add_labels(codes, name=name, scale=volume.voxel_size, translate=place, features=features, opacity=0.4)

errors = pd.read_csv(ERRORS, dtype={{"source": str, "target": str, "synapse_id": str}}, keep_default_na=False)
for outcome, colour in COLOURS.items():
    rows = errors[(errors["outcome"] == outcome) & (errors["z_nm"] != "")]
    viewer.add_points(
        rows[["z_nm", "y_nm", "x_nm"]].to_numpy(float),
        name=outcome,
        face_color=colour,
        size=100,
        features=rows[["source", "target", "synapse_id", "cause"]].reset_index(drop=True),
        out_of_slice_display=True,
    )

if __name__ == "__main__":
    napari.run()
'''

_SERVER = '''"""Serves this folder to neuroglancer in your browser, on this machine only: python serve.py"""

from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path


class Handler(SimpleHTTPRequestHandler):
    def end_headers(self):
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Access-Control-Allow-Private-Network", "true")
        super().end_headers()

    def do_OPTIONS(self):
        self.send_response(204)
        self.send_header("Access-Control-Allow-Headers", "*")
        self.end_headers()


def make_server(port={port}):
    return ThreadingHTTPServer(("127.0.0.1", port), partial(Handler, directory=Path(__file__).parent))


if __name__ == "__main__":
    print("Open while this runs:", {link!r})
    make_server().serve_forever()
'''


def write_script(run: str, name: str) -> str:
    """A Python script that opens the volumes of a run and its errors (``errors.csv`` beside it) in napari.

    Parameters
    ----------
    run : str
        The run directory.
    name : str
        The script's file name.

    Examples
    --------
    >>> compile(write_script("runs/A", "view.py"), "view.py", "exec").co_filename
    'view.py'
    """
    from connectograph.plots.style import COLOURS

    return _NAPARI.format(run=run, name=name, colours={kind: COLOURS[kind] for kind in ("fn", "fp")})


def write_server(link: str, *, port: int) -> str:
    """A Python script that serves the folder it lies in to neuroglancer.

    Parameters
    ----------
    link : str
        What it asks to open.
    port : int

    Examples
    --------
    >>> "http://127.0.0.1" in write_server("http://127.0.0.1:9000/state.json", port=9000)
    True
    """
    return _SERVER.format(link=link, port=port)
