"""What an unfinished run has found so far, as files: a run that is resumed takes them up again."""

from __future__ import annotations

import re
import time
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph.io.files import explain_errors, write_atomic

__all__ = ["Checkpoints"]

Part = tuple[npt.NDArray[Any], ...]

EVERY_SECONDS = 5.0
LARGEST_SHARE = 0.02
"""How often at most something is saved; later, so rarely that no more than this share of the time can be lost."""

_NAME = re.compile(r"(\d{12})-(\d{12})\.npz")


class Checkpoints:
    """Partial results of the passes ("stages") of one run.

    Parameters
    ----------
    folder : Path
        Of the run; made when the first file is written.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Checkpoints(Path(folder, "blocks"))
    ...     store.save("truth", 0, 3, (np.array([7, 8]),))
    ...     Checkpoints(Path(folder, "blocks")).load("truth")
    ([(array([7, 8]),)], 3)
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._begun = self._last = time.monotonic()

    def is_due(self) -> bool:
        """Whether it is time to save something."""
        now = time.monotonic()
        return now - self._last >= max(EVERY_SECONDS, LARGEST_SHARE * (now - self._begun))

    def save(self, stage: str, first: int, last: int, part: Part) -> None:
        """Keep the merged result of the units `first` to `last` of a stage.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        folder = self._folder / stage
        with explain_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"{k:03d}": array for k, array in enumerate(part)}
        write_atomic(folder / f"{first:012d}-{last:012d}.npz", lambda stream: np.savez(stream, **arrays))  # type: ignore[arg-type]
        self._last = time.monotonic()

    def load(self, stage: str) -> tuple[list[Part], int]:
        """The results kept of a stage, and the number of units that they stand for, from the first on."""
        ranges = {
            int(match[1]): (int(match[2]), file)
            for file in sorted((self._folder / stage).glob("*.npz"))
            if (match := _NAME.fullmatch(file.name))
        }
        parts, n_done = list[Part](), 0
        while n_done in ranges:
            last, file = ranges[n_done]
            part = _read(file)
            if part is None or last <= n_done:
                break
            parts.append(part)
            n_done = last
        return parts, n_done


def _read(file: Path) -> Part | None:
    """The arrays of a file; None if it is damaged, so that its units are worked on again."""
    try:
        with open(file, "rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return tuple(arrays[name] for name in sorted(arrays.files))
    except (OSError, ValueError, zipfile.BadZipFile):
        return None
