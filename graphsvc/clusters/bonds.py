"""The pairs of one cluster: the fewest that hold it together, and what falls apart when one of them is dropped.

The strongest such set is a maximum spanning tree (Kruskal 1956): between any two members it has the path whose weakest
link is the strongest there is. A cluster whose members were chosen one by one may lie in several parts; then it is a
tree for each.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.sparse import coo_array, csc_array, csr_array
from scipy.sparse.csgraph import breadth_first_order, connected_components, minimum_spanning_tree

from graphsvc.clusters.material import Material
from graphsvc.links.pairs import REMAINDER
from graphsvc.links.weights import GROUPS, HUB_CUT, groups_of

Bools = npt.NDArray[np.bool_]
Float64s = npt.NDArray[np.float64]
Int64s = npt.NDArray[np.int64]
Ints = npt.NDArray[np.integer]


@dataclass(frozen=True)
class Tree:
    """The links of the spanning forest, strongest first: `pair` int64[L] are rows of the pairs; without link l `part`
    members (the fewer) are apart from the `rest`, but for the `others` further pairs between both sides. `component`
    int64[n] numbers the parts that nothing joins."""

    pair: Int64s
    part: Int64s
    rest: Int64s
    others: Int64s
    component: Int64s


def spanning_tree(members: int, a: Int64s, b: Int64s, bits: Float64s) -> Tree:
    """The tree of `members` accounts and pairs a[i] < b[i] of `bits`; equal pairs choose by their row."""
    order = np.lexsort((b, a, -bits))
    rank = np.empty(len(order), np.int64)
    rank[order] = np.arange(1, len(order) + 1)
    graph = coo_array((rank, (a, b)), shape=(members, members)).tocsr()
    chosen = minimum_spanning_tree(graph)
    pair = order[np.sort(chosen.data.astype(np.int64)) - 1]
    component = connected_components(graph, directed=False)[1].astype(np.int64)
    parent, depth = _rooted(members, a[pair], b[pair], component)
    child = np.where(depth[a[pair]] > depth[b[pair]], a[pair], b[pair])
    below, crossing = _below(parent, depth, a, b)
    whole = np.bincount(component, minlength=members)[component[child]]
    part = np.minimum(below[child], whole - below[child])
    return Tree(pair, part, whole - part, crossing[child] - 1, component)


def _rooted(members: int, a: Int64s, b: Int64s, component: Int64s) -> tuple[Int64s, Int64s]:
    """Parent (of a root itself) and depth of each member in the forest, seen from the first member of each part."""
    forest = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(members, members)).tocsr()
    parent, depth = np.arange(members), np.zeros(members, np.int64)
    for root in np.unique(component, return_index=True)[1]:
        order, before = breadth_first_order(forest, root, directed=False)
        for member in order[1:].tolist():
            parent[member] = before[member]
            depth[member] = depth[before[member]] + 1
    return parent, depth


def _below(parent: Int64s, depth: Int64s, a: Int64s, b: Int64s) -> tuple[Int64s, Int64s]:
    """For each member: how many members its branch has, itself among them, and how many pairs leave the branch.

    A pair leaves the branches between its ends and where their ways to the root meet, and no other."""
    count = np.ones(len(parent), np.int64)
    leaving = np.bincount(a, minlength=len(parent)) + np.bincount(b, minlength=len(parent))
    leaving -= 2 * np.bincount(_meeting(parent, depth, a, b), minlength=len(parent))
    for member in np.argsort(-depth, kind="stable").tolist():
        if parent[member] != member:
            count[parent[member]] += count[member]
            leaving[parent[member]] += leaving[member]
    return count, leaving


def _meeting(parent: Int64s, depth: Int64s, a: Int64s, b: Int64s) -> Int64s:
    """The lowest common ancestor of each a[i] and b[i] of one tree, by leaps of powers of two (Bender and
    Farach-Colton 2000)."""
    leaps = [parent]
    while (1 << len(leaps)) <= depth.max(initial=0):
        leaps.append(leaps[-1][leaps[-1]])
    low, high = np.where(depth[a] >= depth[b], a, b), np.where(depth[a] >= depth[b], b, a)
    for step in range(len(leaps) - 1, -1, -1):
        low = np.where(depth[low] - depth[high] >= 1 << step, leaps[step][low], low)
    for leap in reversed(leaps):
        apart = leap[low] != leap[high]
        low, high = np.where(apart, leap[low], low), np.where(apart, leap[high], high)
    met: Int64s = np.where(low == high, low, parent[low])
    return met


def with_weaker(material: Material) -> Material:
    """The material with weaker pairs too, where its pairs leave the cluster in parts: what is weak for two accounts may
    have joined two groups of them. For each thing one member stands for each part, and the parts are tied in a row."""
    a, b = (material.pairs[end].to_numpy() for end in ("a", "b"))
    members = len(material.members)
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(members, members))
    count, part = connected_components(graph, directed=False)
    if count < 2:
        return material
    ends = _across(material, part)
    worth = shared(material, ends[:, 0], ends[:, 1]).by_group
    new = pa.table(
        {
            "cluster": np.repeat(material.members["cluster"].to_numpy()[:1], len(ends)),
            "a": ends[:, 0],
            "b": ends[:, 1],
            "bits": worth.sum(axis=1),
            "groups": (worth > 0).astype(np.int64) @ (1 << np.arange(len(GROUPS))),
        }
    ).cast(material.pairs.schema)
    return replace(material, pairs=pa.concat_tables([material.pairs, new.filter(pc.greater(new["bits"], 0))]))


def _across(material: Material, part: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    """int32[P, 2]: members of different parts who have a thing in common, the lower place first."""
    holds = material.holds
    thing, account = holds["thing"].to_numpy(), holds["account"].to_numpy()
    order = np.lexsort((account, -holds["left"].to_numpy(), part[account], thing))
    thing, account = thing[order], account[order]
    first = np.r_[True, (thing[1:] != thing[:-1]) | (part[account[1:]] != part[account[:-1]])][: len(thing)]
    thing, account = thing[first], account[first]
    same = thing[1:] == thing[:-1]
    ends = np.sort(np.stack([account[:-1][same], account[1:][same]], axis=1), axis=1)
    return np.unique(ends, axis=0).astype(np.int32)


@dataclass(frozen=True)
class Shared:
    """What pairs share: for pair p and thing t of less than a hub `left` [p, t] is what decay leaves of it, and
    `by_group` [p, g] what the things of group g are worth, as the pair's own bits count them. `bits` [t] and `group`
    [t] are what a thing is worth and its group; `sharing` has the entries of `left` by thing."""

    left: csr_array
    by_group: Float64s
    bits: npt.NDArray[np.float32]
    group: npt.NDArray[np.int8]
    sharing: csc_array

    def without(self, thing: int) -> tuple[Int64s, Float64s]:
        """Rows of the pairs that share the thing, and how many bits less each has without it."""
        rows = self.sharing.indices[self.sharing.indptr[thing] : self.sharing.indptr[thing + 1]].astype(np.int64)
        left = self.left[rows]
        rest = csr_array((np.where(left.indices == thing, 0.0, left.data), left.indices, left.indptr), left.shape)
        return rows, (self.by_group[rows] - _by_group(rest, self.bits, self.group)).sum(axis=1)


def shared(material: Material, a: Ints, b: Ints) -> Shared:
    """What the pairs of members a[p] and b[p] share."""
    things, holds = material.things, material.holds
    useful = things["degree"].to_numpy() < HUB_CUT
    thing, account = holds["thing"].to_numpy(), holds["account"].to_numpy()
    use = useful[thing]
    shape = (len(material.members), len(things))
    held = coo_array(
        (holds["left"].to_numpy()[use].astype(np.float64), (account[use], thing[use])), shape=shape
    ).tocsr()
    left = csr_array(held[a].minimum(held[b]))
    left.sort_indices()
    bits, group = things["bits"].to_numpy(), groups_of(things["type"])
    return Shared(left, _by_group(left, bits, group), bits, group, left.tocsc())


def _by_group(left: csr_array, bits: npt.NDArray[np.float32], group: npt.NDArray[np.int8]) -> Float64s:
    """Of each group the best thing counts in full and the others a quarter each, at most as much again."""
    pair = np.repeat(np.arange(left.shape[0]), np.diff(left.indptr))
    key = pair * len(GROUPS) + group[left.indices]
    worth = left.data * bits[left.indices]
    best, whole = np.zeros(left.shape[0] * len(GROUPS)), np.zeros(left.shape[0] * len(GROUPS))
    np.maximum.at(best, key, worth)
    np.add.at(whole, key, worth)
    found: Float64s = best + np.minimum(best, REMAINDER * (whole - best))
    return found.reshape(left.shape[0], len(GROUPS))


def largest_part(members: int, a: Int64s, b: Int64s) -> int:
    """How many members the pairs still hold together, in the largest part."""
    graph = coo_array((np.ones(len(a), np.int8), (a, b)), shape=(members, members))
    return int(np.bincount(connected_components(graph, directed=False)[1]).max(initial=0))
