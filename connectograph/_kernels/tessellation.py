"""Which neurite owns each voxel of a plane: a power diagram of neurite nodes, evaluated tile by tile."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from connectograph._kernels import kernel

__all__ = ["TILE", "own_plane"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

TILE = 16
"""Voxels along the edge of the square tiles that a plane is filled in."""


@kernel
def own_plane(z: float, corners: Floats, nodes: Floats, owners: Ints, starts: Any, cell: float, out: Ints) -> None:
    """Write to `out` the owner of the node with the smallest power distance |p - n|² - r² to each voxel of a plane.

    Parameters
    ----------
    z : float
        Position of the plane in nm.
    corners : (2, Y / TILE + 1, X / TILE + 1) array of float32
        Position (y, x) of the tiles' corners in nm (sizes rounded up); voxels in between are interpolated.
    nodes : (N, 4) array of float32
        Position (z, y, x) and radius of the nodes in nm, in the order of their cubic cells.
    owners : (N,) array of int64
        Neurite of each node.
    starts : (A, B, C + 1) array of int64
        First node of each cell; the last entry of a row is where the row ends.
    cell : float
        Edge of a cell in nm; cell (0, 0, 0) starts at the origin.
    out : (Y, X) array of int64
        Result.
    """
    found = np.empty(nodes.shape[0], np.int64)
    lower = np.empty(nodes.shape[0], np.float32)
    reach = nodes[:, 3].max()
    for j in range(corners.shape[1] - 1):
        for i in range(corners.shape[2] - 1):
            patch = corners[:, j : j + 2, i : i + 2]
            count = _candidates(z, patch, nodes, reach, starts, cell, found, lower)
            tile = out[TILE * j : TILE * (j + 1), TILE * i : TILE * (i + 1)]
            _own_tile(z, patch, nodes, owners, found[:count], tile)


@kernel
def _candidates(
    z: float, patch: Floats, nodes: Floats, reach: float, starts: Any, cell: float, found: Any, lower: Floats
) -> int:
    """Nodes that may be the nearest of some point of a tile: their lower bound is below the best upper bound."""
    centre = (z, patch[0].mean(), patch[1].mean())
    half = np.sqrt(((patch[0] - centre[1]) ** 2 + (patch[1] - centre[2]) ** 2).max())
    ring, count, best = 0, 0, np.inf
    while True:
        count, best = _visit_ring(centre, half, nodes, starts, cell, ring, found, lower, count, best)
        unseen = max(0.0, ring * cell - half) ** 2 - reach**2
        if unseen > best or ring > max(starts.shape):
            break
        ring += 1
    kept = 0
    for i in range(count):
        if lower[i] <= best:
            found[kept] = found[i]
            kept += 1
    return kept


@kernel
def _visit_ring(
    centre: Any, half: float, nodes: Floats, starts: Any, cell: float, ring: int,
    found: Any, lower: Floats, count: int, best: float,
) -> tuple[int, float]:  # fmt: skip
    """Add the nodes of the cells at Chebyshev distance `ring` from the centre's cell."""
    a, b, c = int(centre[0] // cell), int(centre[1] // cell), int(centre[2] // cell)
    for i in range(max(0, a - ring), min(starts.shape[0], a + ring + 1)):
        for j in range(max(0, b - ring), min(starts.shape[1], b + ring + 1)):
            shell = abs(i - a) == ring or abs(j - b) == ring
            step = 1 if shell or ring == 0 else 2 * ring
            for k in range(c - ring, c + ring + 1, step):
                if 0 <= k < starts.shape[2] - 1:
                    for node in range(starts[i, j, k], starts[i, j, k + 1]):
                        square = nodes[node, 3] ** 2
                        distance = np.sqrt(
                            (nodes[node, 0] - centre[0]) ** 2
                            + (nodes[node, 1] - centre[1]) ** 2
                            + (nodes[node, 2] - centre[2]) ** 2
                        )
                        found[count] = node
                        lower[count] = max(0.0, distance - half) ** 2 - square
                        best = min(best, (distance + half) ** 2 - square)
                        count += 1
    return count, best


@kernel
def _own_tile(z: float, patch: Floats, nodes: Floats, owners: Ints, found: Any, out: Ints) -> None:
    """Compare every voxel of a tile with the few candidates, a row of voxels at a time."""
    width = out.shape[1]
    y, x, best = np.empty(width, np.float32), np.empty(width, np.float32), np.empty(width, np.float32)
    winner = np.empty(width, np.int32)
    right = (np.arange(width).astype(np.float32) + np.float32(0.5)) / np.float32(TILE)
    for j in range(out.shape[0]):
        down = np.float32((j + 0.5) / TILE)
        left_y, right_y = _between(patch[0, :, 0], down), _between(patch[0, :, 1], down)
        left_x, right_x = _between(patch[1, :, 0], down), _between(patch[1, :, 1], down)
        for i in range(width):
            y[i] = left_y + right[i] * (right_y - left_y)
            x[i] = left_x + right[i] * (right_x - left_x)
            best[i] = np.float32(np.inf)
        for k in range(found.size):
            node_y, node_x = nodes[found[k], 1], nodes[found[k], 2]
            rest = np.float32((z - nodes[found[k], 0]) ** 2 - nodes[found[k], 3] ** 2)
            for i in range(width):
                power = (y[i] - node_y) * (y[i] - node_y) + (x[i] - node_x) * (x[i] - node_x) + rest
                nearer = power < best[i]
                best[i] = power if nearer else best[i]
                winner[i] = k if nearer else winner[i]
        for i in range(width):
            out[j, i] = owners[found[winner[i]]]


@kernel
def _between(ends: Floats, share: Any) -> Any:
    return ends[0] + share * (ends[1] - ends[0])
