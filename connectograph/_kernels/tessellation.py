"""Which neurite owns each voxel of a plane: a power diagram of neurite nodes, evaluated tile by tile."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from connectograph._kernels import inner_kernel, kernel

__all__ = ["TILE", "own_plane"]

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]

TILE = 16
"""Voxels along the edge of the square tiles that a plane is filled in."""


def own_plane(z: float, corners: Floats, nodes: Floats, owners: Ints, starts: Ints, cell: float, out: Ints) -> None:
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
    patches = np.lib.stride_tricks.sliding_window_view(corners.astype(np.float64), (2, 2), axis=(1, 2))
    centres = patches.mean(axis=(3, 4))
    halves = np.sqrt(((patches - centres[..., None, None]) ** 2).sum(axis=0).max(axis=(2, 3)))
    _own_plane(z, corners, centres, halves, nodes, owners, starts, cell, float(nodes[:, 3].max()), out)


@kernel
def _own_plane(z, corners, centres, halves, nodes, owners, starts, cell, reach, out):
    found, lower = np.empty(nodes.shape[0], np.int64), np.empty(nodes.shape[0], np.float32)
    scratch, winner = np.empty((3, TILE), np.float32), np.empty(TILE, np.int64)
    for j in range(halves.shape[0]):
        for i in range(halves.shape[1]):
            y, x, half = centres[0, j, i], centres[1, j, i], halves[j, i]
            count = _find_candidates(z, y, x, half, nodes, reach, starts, cell, found, lower)
            _own_tile(z, corners, j, i, nodes, owners, found, count, scratch, winner, out)


@inner_kernel
def _find_candidates(z, y, x, half, nodes, reach, starts, cell, found, lower):
    """List the nodes that may be the nearest of some point of a tile: their lower bound is below the best upper bound.

    The tile lies within `half` of its centre (z, y, x); nodes are looked up in rings of cells at growing Chebyshev
    distance from the centre's cell.
    """
    a, b, c = np.int64(z // cell), np.int64(y // cell), np.int64(x // cell)
    largest = max(starts.shape[0], starts.shape[1], starts.shape[2])
    ring, count, best, unseen = 0, 0, np.inf, -np.inf
    while unseen <= best and ring <= largest + 1:
        for i in range(max(0, a - ring), min(starts.shape[0], a + ring + 1)):
            for j in range(max(0, b - ring), min(starts.shape[1], b + ring + 1)):
                shell = abs(i - a) == ring or abs(j - b) == ring
                for k in range(c - ring, c + ring + 1, 1 if shell or ring == 0 else 2 * ring):
                    if k < 0 or k >= starts.shape[2] - 1:
                        continue
                    for node in range(starts[i, j, k], starts[i, j, k + 1]):
                        dz, dy, dx = nodes[node, 0] - z, nodes[node, 1] - y, nodes[node, 2] - x
                        square = nodes[node, 3] * nodes[node, 3]
                        distance = np.sqrt(dz * dz + dy * dy + dx * dx)
                        nearest, farthest = max(0.0, distance - half), distance + half
                        found[count], lower[count] = node, nearest * nearest - square
                        best = min(best, farthest * farthest - square)
                        count += 1
        gap = max(0.0, ring * cell - half)
        unseen = gap * gap - reach * reach
        ring += 1
    kept = 0
    for i in range(count):
        if lower[i] <= best:
            found[kept] = found[i]
            kept += 1
    return kept


@inner_kernel
def _own_tile(z, corners, tile_y, tile_x, nodes, owners, found, count, scratch, winner, out):
    """Compare every voxel of a tile with the few candidates, a row of voxels at a time."""
    y, x, best = scratch[0], scratch[1], scratch[2]
    width = min(TILE, out.shape[1] - TILE * tile_x)
    for j in range(TILE * tile_y, min(TILE * (tile_y + 1), out.shape[0])):
        down = np.float32((j - TILE * tile_y + 0.5) / TILE)
        for i in range(width):
            right = np.float32((i + 0.5) / TILE)
            y[i] = _between(corners[0], tile_y, tile_x, down, right)
            x[i] = _between(corners[1], tile_y, tile_x, down, right)
            best[i] = np.float32(np.inf)
        for k in range(count):
            node_y, node_x = nodes[found[k], 1], nodes[found[k], 2]
            depth, radius = z - nodes[found[k], 0], nodes[found[k], 3]
            rest = np.float32(depth * depth - radius * radius)
            for i in range(width):
                power = (y[i] - node_y) * (y[i] - node_y) + (x[i] - node_x) * (x[i] - node_x) + rest
                nearer = power < best[i]
                best[i] = power if nearer else best[i]
                winner[i] = k if nearer else winner[i]
        for i in range(width):
            out[j, TILE * tile_x + i] = owners[found[winner[i]]]


@inner_kernel
def _between(corners, j, i, down, right):
    """Coordinate of a voxel between the four corners of its tile."""
    left = corners[j, i] + down * (corners[j + 1, i] - corners[j, i])
    other = corners[j, i + 1] + down * (corners[j + 1, i + 1] - corners[j, i + 1])
    return left + right * (other - left)
