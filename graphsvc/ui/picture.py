"""A cluster's picture: nodes are placed here, so that the page needs no script."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from graphsvc.graph.picture import ClusterGraph, Edge, Node

WIDTH, HEIGHT, MARGIN = 960.0, 560.0, 46.0
ROUNDS = 160
COOLEST = 0.004
GRAVITY = 0.9

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Dot:
    """A node at x, y; `links` counts its lines in the picture."""

    node: Node
    x: float
    y: float
    links: int


@dataclass(frozen=True)
class Line:
    x1: float
    y1: float
    x2: float
    y2: float
    peer: bool


@dataclass(frozen=True)
class Picture:
    """`truncated`: the cluster has more than is drawn."""

    width: float
    height: float
    accounts: list[Dot]
    identifiers: list[Dot]
    lines: list[Line]
    truncated: bool


def drawn(graph: ClusterGraph) -> Picture:
    """The same graph gives the same picture. Edges whose ends are not among the nodes are left out."""
    place = {node.key: row for row, node in enumerate(graph.nodes)}
    edges = [edge for edge in graph.edges if edge.source in place and edge.target in place]
    ends = np.array([(place[edge.source], place[edge.target]) for edge in edges], np.int64).reshape(-1, 2)
    at = _fitted(_layout(len(graph.nodes), ends))
    links = np.bincount(ends.ravel(), minlength=len(graph.nodes)).tolist()
    dots = [Dot(node, x, y, n) for node, (x, y), n in zip(graph.nodes, at.round(1).tolist(), links, strict=True)]
    return Picture(
        WIDTH,
        HEIGHT,
        [dot for dot in dots if dot.node.type == "account"],
        [dot for dot in dots if dot.node.type != "account"],
        [_line(dots[a], dots[b], edge) for edge, (a, b) in zip(edges, ends.tolist(), strict=True)],
        graph.truncated,
    )


def _line(one: Dot, other: Dot, edge: Edge) -> Line:
    return Line(one.x, one.y, other.x, other.y, edge.target.startswith("account:"))


def _layout(count: int, ends: Ints) -> Floats:
    """Positions f64[count, 2]: from a spiral, by springs and repulsion that cool (Fruchterman and Reingold 1991)."""
    turn = np.arange(count) * (np.pi * (3 - np.sqrt(5)))
    at: Floats = np.sqrt((np.arange(count) + 0.5) / max(count, 1))[:, None] * np.column_stack(
        [np.cos(turn), np.sin(turn)]
    )
    spring = 1.3 / np.sqrt(max(count, 1))
    for heat in np.linspace(0.15, COOLEST, ROUNDS):
        apart = at[:, None] - at[None]
        distance = np.maximum(np.sqrt((apart**2).sum(2)), 1e-3)
        force = (apart * (spring**2 / distance**2)[:, :, None]).sum(1) - GRAVITY * spring * at
        along = at[ends[:, 0]] - at[ends[:, 1]]
        pull = along * (np.sqrt((along**2).sum(1)) / spring)[:, None]
        np.subtract.at(force, ends[:, 0], pull)
        np.add.at(force, ends[:, 1], pull)
        length = np.maximum(np.sqrt((force**2).sum(1)), 1e-9)
        at += force / length[:, None] * np.minimum(length, heat)[:, None]
    return at


def _fitted(at: Floats) -> Floats:
    """The positions stretched to the picture inside its margin."""
    if not len(at):
        return at
    low, high = at.min(0), at.max(0)
    share: Floats = (at - low) / np.where(high > low, high - low, 1.0) if len(at) > 1 else np.full_like(at, 0.5)
    share *= (WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN)
    return share + MARGIN
