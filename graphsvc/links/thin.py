"""A view with less in it, as of a provider that records less: some identifier types and facts left out."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.view import LinkView
from graphsvc.links.weights import bits_of


def without(view: LinkView, types: Collection[str], facts: Collection[str]) -> LinkView:
    """The view without identifiers of these types, and with these facts of accounts unknown (0)."""
    kept = pc.invert(pc.is_in(view.identifiers["type"], value_set=pa.array(list(types), pa.string())))
    mask = kept.combine_chunks().to_numpy(zero_copy_only=False)
    row = np.cumsum(mask, dtype=np.int32) - 1
    old = view.links["identifier"].to_numpy()
    links = view.links.filter(pa.array(mask[old]))
    place = links.schema.get_field_index("identifier")
    links = links.set_column(place, "identifier", pa.array(row[links["identifier"].to_numpy()], pa.int32()))
    accounts = view.accounts
    for name in facts:
        unknown = pa.array(np.zeros(len(accounts), np.float32))
        accounts = accounts.set_column(accounts.schema.get_field_index(name), name, unknown)
    identifiers = view.identifiers.filter(kept)
    return replace(view, accounts=accounts, identifiers=identifiers, links=links, names=view.names[:0])


def among(view: LinkView, kept: npt.NDArray[np.bool_]) -> LinkView:
    """The view as it were if there had never been other accounts than those in `kept` bool[N]."""
    row = np.cumsum(kept, dtype=np.int32) - 1
    accounts = view.accounts.filter(pa.array(kept))
    links = view.links.filter(pa.array(kept[view.links["account"].to_numpy()]))
    degree = np.bincount(links["identifier"].to_numpy(), minlength=len(view.identifiers)).astype(np.int32)
    identifiers = view.identifiers.filter(pa.array(degree > 0))
    bits = bits_of(identifiers["type"], degree[degree > 0], len(accounts))
    names = np.cumsum(degree > 0, dtype=np.int32) - 1
    began = np.full(len(view.identifiers), np.iinfo(np.int64).max)
    np.minimum.at(began, links["identifier"].to_numpy(), links["first_ms"].to_numpy())
    peers = view.peers.filter(pa.array(kept[view.peers["source"].to_numpy()] & kept[view.peers["target"].to_numpy()]))
    timings = view.timings.filter(pa.array(kept[view.timings["a"].to_numpy()] & kept[view.timings["b"].to_numpy()]))
    return replace(
        view,
        accounts=accounts,
        timings=_with(timings, {end: row[timings[end].to_numpy()] for end in ("a", "b")}),
        names=view.names[:0],
        identifiers=_with(identifiers, {"degree": degree[degree > 0], "bits": bits, "first_ms": began[degree > 0]}),
        links=_with(
            links,
            {"account": row[links["account"].to_numpy()], "identifier": names[links["identifier"].to_numpy()]},
        ),
        peers=_with(peers, {end: row[peers[end].to_numpy()] for end in ("source", "target")}),
    )


def timeless(view: LinkView) -> LinkView:
    """The view with nothing told of when: every account and every link as if it had come at one moment."""
    moments = {"created_ms", "first_ms", "last_ms"}
    tables = {
        name: _with(
            table, {column: np.full(len(table), view.as_of_ms) for column in table.column_names if column in moments}
        )
        for name, table in vars(view).items()
        if isinstance(table, pa.Table)
    }
    return replace(view, **tables)


def _with(table: pa.Table, columns: Mapping[str, npt.NDArray[np.generic]]) -> pa.Table:
    """The table with other values in these columns, of the types that they had."""
    for name, values in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, name, pa.array(values, table.schema.field(place).type))
    return table
