"""Undo HDF5's shuffle filter: bytes stored plane by plane (all first bytes, then all second, ...) back in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel

__all__ = ["unshuffle"]

Bytes = npt.NDArray[np.uint8]


def unshuffle(planes: Bytes, out: npt.NDArray[Any]) -> None:
    """Interleave byte planes.

    Parameters
    ----------
    planes : (k * n,) array of uint8
        Byte b of item i at ``b * n + i``.
    out : (n,) array of uint8, uint16, uint32 or uint64
        Filled with the items; k is their size. Their bytes are in the stored order.

    Examples
    --------
    >>> out = np.zeros(3, "<u2")
    >>> unshuffle(np.array([1, 3, 5, 0, 0, 1], "uint8"), out)
    >>> out.tolist()
    [1, 3, 261]
    """
    if out.itemsize == 1:
        out[:] = planes
    else:
        _JOIN[out.itemsize](planes, out.view(f"<u{out.itemsize}"))


# one word per step, its bytes from all planes at once: written out, because only then is it compiled to vector code
# (12 GB/s instead of 1 GB/s for the loop over planes)


@kernel
def _join_2(planes: Bytes, out: npt.NDArray[np.uint16]) -> None:
    n = out.size
    p0, p1 = planes[:n], planes[n:]
    for i in range(n):
        out[i] = np.uint16(p0[i]) | np.uint16(p1[i]) << np.uint16(8)


@kernel
def _join_4(planes: Bytes, out: npt.NDArray[np.uint32]) -> None:
    n = out.size
    p0, p1, p2, p3 = planes[:n], planes[n : 2 * n], planes[2 * n : 3 * n], planes[3 * n :]
    for i in range(n):
        low = np.uint32(p0[i]) | np.uint32(p1[i]) << np.uint32(8)
        out[i] = low | np.uint32(p2[i]) << np.uint32(16) | np.uint32(p3[i]) << np.uint32(24)


@kernel
def _join_8(planes: Bytes, out: npt.NDArray[np.uint64]) -> None:
    n = out.size
    p0, p1, p2, p3 = planes[:n], planes[n : 2 * n], planes[2 * n : 3 * n], planes[3 * n : 4 * n]
    p4, p5, p6, p7 = planes[4 * n : 5 * n], planes[5 * n : 6 * n], planes[6 * n : 7 * n], planes[7 * n :]
    for i in range(n):
        low = np.uint64(p0[i]) | np.uint64(p1[i]) << np.uint64(8)
        low |= np.uint64(p2[i]) << np.uint64(16) | np.uint64(p3[i]) << np.uint64(24)
        high = np.uint64(p4[i]) | np.uint64(p5[i]) << np.uint64(8)
        high |= np.uint64(p6[i]) << np.uint64(16) | np.uint64(p7[i]) << np.uint64(24)
        out[i] = low | high << np.uint64(32)


_JOIN: dict[int, Any] = {2: _join_2, 4: _join_4, 8: _join_8}
