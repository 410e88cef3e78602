"""The command ``export``."""

from __future__ import annotations

import argparse
import os

from connectograph.errors import InputError

__all__ = ["export_for_viewer"]


def export_for_viewer(options: argparse.Namespace) -> int:
    """Write a run for a viewer, and upload it if asked."""
    from connectograph.evaluation.export import SERVED, export_run

    if options.upload and options.viewer != "webknossos":
        raise InputError("--upload is for webknossos: the other viewers open what lies in the folder.")
    out = export_run(
        options.directory,
        options.viewer,
        out=options.out,
        url=options.url,
        link_template=options.link_template,
        max_errors=options.max_errors,
        overwrite=options.overwrite,
    )
    print(f"written: {out}")
    if options.upload:
        from connectograph.io.runs import read_run
        from connectograph.io.webknossos_upload import upload_webknossos

        name = str(read_run(options.directory).get("name") or options.directory.resolve().name)
        token = os.environ.get("WK_TOKEN", "")
        print(f"uploaded: {upload_webknossos(out / 'dataset', server=options.server, token=token, name=name)}")
    elif options.viewer == "webknossos":
        print(f"open the folder {out / 'dataset'} in webKnossos and import {out / 'errors.nml'}, or pass --upload")
    elif options.viewer == "napari":
        print(f"run: python {out / 'view.py'}")
    elif options.url in (None, SERVED):
        print(f"run: python {out / 'serve.py'}, and open the address that it prints")
    else:
        print(f"serve the folder {out} at {options.url}; links are in {out / 'errors.csv'}")
    return 0
