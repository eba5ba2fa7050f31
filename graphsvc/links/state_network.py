"""Accounts, what they did when, and what they share, out of a kept state and what came since.

What is counted adds up, so that it decides nothing in how many looks events came. Tables are kept in the order of a
view, so that a look puts in what is new and sorts nothing again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links import conversations, queries
from graphsvc.links.counting import Counted, counted
from graphsvc.links.engine import Database
from graphsvc.links.held import holdings
from graphsvc.links.keys import keys_of
from graphsvc.links.merging import beside, beside_both, beside_times, inserted, moved, places
from graphsvc.links.reading import Fresh
from graphsvc.links.state import ACTS, CHAINED, IDENTIFIERS, LINKS, Kept

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]

DERIVED = "SELECT account, text_key(type, id) AS text_key, first_ms, last_ms, count FROM derived"
DERIVED_NAMES = """
SELECT text_key(type, id) AS text_key, min(type) AS type, min(id) AS id FROM derived GROUP BY text_key(type, id)
ORDER BY min(type), min(id)
"""


@dataclass(frozen=True)
class Shared:
    """What accounts share: identifiers by type and id, links by both rows, as a view has them."""

    identifiers: pa.Table = field(default_factory=IDENTIFIERS.empty_table)
    links: pa.Table = field(default_factory=LINKS.empty_table)


def grown(database: Database, fresh: Fresh, kept: Kept) -> Kept:
    """What is kept, with the events of `fresh`, which are those that the database has; leaves in it `account`, of
    all."""
    new, tried = _trying(counted(fresh), kept.tried)
    sums, at = _added(kept.sums, new)
    database.register("sums", sums)
    database.execute(queries.ACCOUNTS)
    row = moved(len(kept.sums), at)
    found = holdings(fresh, _numbers(sums, "account_key"))
    shared = joined(Shared(kept.identifiers, _with_accounts(kept.links, row)), found.names, found.held)
    return replace(
        kept,
        sums=sums,
        tried=tried,
        identifiers=shared.identifiers,
        links=shared.links,
        acts=_in_time(_with_accounts(kept.acts, row), database.table(queries.ACTS).cast(ACTS)),
        chained=_in_time(_with_accounts(kept.chained, row), database.table(conversations.CHAINED).cast(CHAINED)),
    )


def joined(shared: Shared, names: pa.Table, held: pa.Table) -> Shared:
    """With what accounts hold besides: account (row), name (row of `names`), first_ms, last_ms, count, each pair once;
    `names` tells key, type and id, in the order of the last two, of all identifiers that are held so."""
    new = names.filter(pa.array(places(_numbers(shared.identifiers, "key"), _numbers(names, "key")) < 0))
    identifiers = shared.identifiers
    at = beside_both((identifiers["type"], identifiers["id"]), (new["type"], new["id"]))
    nothing = {"degree": np.zeros(len(new), np.int32), "first_ms": np.full(len(new), queries.NEVER_MS)}
    every = inserted(identifiers, pa.table({**_columns(new), **nothing}, IDENTIFIERS), at)
    row = places(_numbers(every, "key"), _numbers(names, "key"))[_numbers(held, "name")]
    links = shared.links
    if len(new) and len(links):
        changed = moved(len(identifiers), at)[links["identifier"].to_numpy()]
        links = links.set_column(1, "identifier", pa.array(changed))
    links, came = _linked(links, _numbers(held, "account") << 32 | row, held)
    degree = every["degree"].to_numpy() + np.bincount(row[came], minlength=len(every)).astype(np.int32)
    first_ms = every["first_ms"].to_numpy().copy()
    np.minimum.at(first_ms, row, held["first_ms"].to_numpy())
    every = every.set_column(3, "degree", pa.array(degree)).set_column(4, "first_ms", pa.array(first_ms))
    return Shared(every, links)


def with_derived(shared: Shared, database: Database) -> Shared:
    """With the rows of `derived`."""
    derived, names = database.table(DERIVED), database.table(DERIVED_NAMES)
    key = keys_of(_whole(names["type"]), _whole(names["id"]))
    name = places(_numbers(names, "text_key"), _numbers(derived, "text_key"))
    return joined(shared, names.append_column("key", pa.array(key)), derived.append_column("name", pa.array(name)))


def _trying(fresh: Counted, known: Int64s) -> tuple[pa.Table, Int64s]:
    """Sums that count the models which an account had not tried before; and what stands for all that were tried."""
    new = places(known, fresh.tried) < 0
    models = np.bincount(fresh.trier[new], minlength=len(fresh.sums)).astype(np.int32)
    column = fresh.sums.column_names.index("models")
    return fresh.sums.set_column(column, "models", pa.array(models)), np.concatenate([known, fresh.tried[new]])


def _added(before: pa.Table, fresh: pa.Table) -> tuple[pa.Table, Int64s]:
    """Sums of both, by account id; and before which old rows new accounts came."""
    place = places(_numbers(before, "account_key"), _numbers(fresh, "account_key"))
    new = fresh.filter(pa.array(place < 0))
    at = beside(before["account_id"], new["account_id"])
    changed, known = place[place >= 0], fresh.filter(pa.array(place >= 0))
    columns = _columns(before)
    for name in queries.SUMMED:
        old, more = before[name].to_numpy().copy(), known[name].to_numpy()
        combine = np.minimum if name.startswith("first_") else np.maximum if name.startswith("last_") else np.add
        old[changed] = combine(old[changed], more)
        columns[name] = pa.chunked_array([pa.array(old)])
    return inserted(pa.table(columns), new, at), at


def _linked(links: pa.Table, pair: Int64s, held: pa.Table) -> tuple[pa.Table, npt.NDArray[np.bool_]]:
    """With pairs of account and identifier, and which of them are new."""
    order = _ascending(pair)
    pair = pair[order]
    if not len(links):
        # Column by column: there is no room to have all of them twice.
        ends = (pair >> 32).astype(np.int32), (pair & 0xFFFFFFFF).astype(np.int32)
        rest = (held[name].to_numpy()[order] for name in ("first_ms", "last_ms", "count"))
        return pa.table([*ends, *rest], schema=LINKS), np.ones(len(pair), np.bool_)
    old = _numbers(links, "account") << 32 | _numbers(links, "identifier")
    at = np.searchsorted(old, pair)
    known = np.zeros(len(pair), np.bool_)
    known[at < len(old)] = old[at[at < len(old)]] == pair[at < len(old)]
    del old
    first_ms, last_ms, count = (held[name].to_numpy()[order] for name in ("first_ms", "last_ms", "count"))
    old_first_ms, old_last_ms, old_count = (links[name].to_numpy().copy() for name in ("first_ms", "last_ms", "count"))
    place = at[known]
    old_first_ms[place] = np.minimum(old_first_ms[place], first_ms[known])
    old_last_ms[place] = np.maximum(old_last_ms[place], last_ms[known])
    old_count[place] += count[known]
    changed = [links["account"], links["identifier"], old_first_ms, old_last_ms, old_count]
    new = pair >> 32, pair & 0xFFFFFFFF, first_ms, last_ms, count
    came = pa.table(
        [column[~known].astype(like.to_pandas_dtype()) for column, like in zip(new, LINKS.types, strict=True)], LINKS
    )
    is_new = np.empty(len(pair), np.bool_)
    is_new[order] = ~known
    return inserted(pa.table(changed, schema=LINKS), came, at[~known]), is_new


def _ascending(pair: Int64s) -> Int64s | slice:
    """The order that makes pairs ascend, each there once."""
    return slice(None) if (pair[1:] > pair[:-1]).all() else np.argsort(pair)


def _with_accounts(table: pa.Table, row: Int32s) -> pa.Table:
    column = table.column_names.index("account")
    return table.set_column(column, "account", pa.array(row[table["account"].to_numpy()]))


def _in_time(before: pa.Table, fresh: pa.Table) -> pa.Table:
    """Both tables' rows in the order of account, time and status, as each has them."""
    one, other = ((_numbers(table, "occurred_ms") << 16) + _numbers(table, "status") for table in (before, fresh))
    return inserted(before, fresh, beside_times(_rows(before), one, _rows(fresh), other))


def _rows(table: pa.Table) -> Int32s:
    rows: Int32s = table["account"].to_numpy()
    return rows


def _columns(table: pa.Table) -> dict[str, pa.ChunkedArray]:
    return {name: table[name] for name in table.column_names}


def _numbers(table: pa.Table, name: str) -> Int64s:
    return np.asarray(table[name].to_numpy(), np.int64)


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
