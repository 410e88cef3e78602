"""Run directories: one run at a time, nothing of others touched, the manifest last.

A run directory belongs to one process while a run is open. ``run.json``, written last, lists every file of the run
with size and SHA-256; until then a journal in the hidden folder ``.connectograph`` lists them. Only files listed in
one of the two are ever replaced or removed.
"""

from connectograph.io.files import dump_json, redact, save_npz, sha256_file, write_atomic
from connectograph.io.runs.directory import (
    Run,
    abandon_run,
    check_room,
    finish_run,
    open_run,
    place_file,
    remove_run,
    revise_run,
)
from connectograph.io.runs.record import read_run, verify_manifest

__all__ = [
    "Run",
    "abandon_run",
    "check_room",
    "dump_json",
    "finish_run",
    "open_run",
    "place_file",
    "read_run",
    "redact",
    "remove_run",
    "revise_run",
    "save_npz",
    "sha256_file",
    "verify_manifest",
    "write_atomic",
]
