"""Attributes of accounts in names of their owner's own, as features: what they are worth is fitted in training and kept
in the model file. A name may also be a type of direct links; what these tell of accounts is in gnn.dealings.

A number becomes its place among those of training (0 to 1, equals in the middle), so that neither its unit nor a few
huge values matter; a category one column for each of the commonest values. An account without the attribute is in the
middle, and one column says so.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.dealings import COLUMNS, dealings, has_deals
from gnn.errors import ModelError
from gnn.network import Network

Floats = npt.NDArray[np.float32]
Doubles = npt.NDArray[np.float64]

PLACES = 256
"""Quantiles kept of a number: finer than what a few thousand accounts can tell apart."""
CATEGORIES_MAX = 16
CATEGORY_ACCOUNTS_MIN = 5
"""A value that fewer accounts of training have is no category but a name."""
MIDDLE = 0.5


@dataclass(frozen=True)
class Attribute:
    """One attribute: the quantiles of its last value and of its mean over an account's events, or, of a category, its
    commonest values; `direct` where the name is a type of direct links."""

    name: str
    last: tuple[float, ...] = ()
    mean: tuple[float, ...] = ()
    values: tuple[str, ...] = ()
    direct: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of its features."""
        if self.direct:
            return tuple(f"direct_{self.name}_{fact}" for fact in COLUMNS)
        facts = tuple(f"is_{value}" for value in self.values) if self.values else ("last", "mean")
        return tuple(f"attribute_{self.name}_{fact}" for fact in (*facts, "missing"))


def fit_attributes(networks: Sequence[Network], names: Sequence[str]) -> tuple[Attribute, ...]:
    """The attributes of these names as the networks have them, or else their types of direct links. Raises ModelError
    where none of them has one."""
    given = pa.concat_tables([network.attributes for network in networks])
    told = set(pc.unique(given["name"]).to_pylist())
    return tuple(
        Attribute(name, direct=True)
        if name not in told and any(has_deals(network, name) for network in networks)
        else _fitted(name, given.filter(pc.equal(given["name"], name)))
        for name in names
    )


def with_attributes(network: Network, attributes: Sequence[Attribute]) -> Network:
    """The network with `own` filled; without attributes, as it is."""
    if not attributes:
        return network
    parts = [_read(network, attribute) for attribute in attributes]
    return replace(network, own=np.concatenate(parts, axis=1))


def to_manifest(attributes: Sequence[Attribute]) -> list[dict[str, Any]]:
    return [asdict(one) for one in attributes]


def from_manifest(given: Sequence[Mapping[str, Any]]) -> tuple[Attribute, ...]:
    """What `to_manifest` made."""
    return tuple(
        Attribute(
            str(one["name"]),
            tuple(one["last"]),
            tuple(one["mean"]),
            tuple(one["values"]),
            # Models from before direct links were read do not say.
            bool(one.get("direct", False)),
        )
        for one in given
    )


def _fitted(name: str, given: pa.Table) -> Attribute:
    numbers = given.filter(pc.is_valid(given["last"]))
    texts = given["text"].drop_null()
    if not numbers.num_rows and not len(texts):
        raise ModelError(
            f"No account has the attribute {name}, or direct links of that type.",
            hint="See GRAPHSVC_ATTRIBUTES, and the mapping that it came by.",
        )
    if numbers.num_rows >= len(texts):
        return Attribute(name, _quantiles(numbers["last"]), _quantiles(numbers["mean"]))
    counts = sorted((-one["counts"], one["values"]) for one in pc.value_counts(texts).to_pylist())
    return Attribute(name, values=tuple(v for n, v in counts[:CATEGORIES_MAX] if -n >= CATEGORY_ACCOUNTS_MIN))


def _quantiles(values: pa.ChunkedArray) -> tuple[float, ...]:
    found = np.quantile(values.to_numpy(), np.linspace(0, 1, PLACES), method="inverted_cdf")
    return tuple(float(one) for one in found)


def _read(network: Network, attribute: Attribute) -> Floats:
    """float32[N, len(attribute.columns)]."""
    if attribute.direct:
        return dealings(network, attribute.name)
    given = network.attributes.filter(pc.equal(network.attributes["name"], attribute.name))
    row = pc.index_in(given["account_id"], value_set=network.accounts["account_id"].combine_chunks())
    given, place = given.filter(pc.is_valid(row)), row.drop_null().to_numpy()
    out = np.zeros((network.account_count, len(attribute.columns)), dtype=np.float32)
    if attribute.values:
        code = pc.index_in(given["text"], value_set=pa.array(attribute.values, pa.string()))
        known = pc.is_valid(code).to_numpy(zero_copy_only=False)
        out[place[known], code.drop_null().to_numpy()] = 1.0
        seen = pc.is_valid(given["text"]).to_numpy(zero_copy_only=False)
    else:
        out[:, :2] = MIDDLE
        seen = pc.is_valid(given["last"]).to_numpy(zero_copy_only=False)
        for index, (fact, grid) in enumerate((("last", attribute.last), ("mean", attribute.mean))):
            out[place[seen], index] = _places(given[fact].to_numpy()[seen], np.array(grid))
    out[:, -1] = 1.0
    out[place[seen], -1] = 0.0
    return out


def _places(values: Doubles, grid: Doubles) -> Floats:
    """The share of the grid below each value, equals counting half."""
    low, high = np.searchsorted(grid, values, "left"), np.searchsorted(grid, values, "right")
    return ((low + high) / (2.0 * len(grid))).astype(np.float32)
