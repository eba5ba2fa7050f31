"""Prompts of a view out of a kept state and what came since: their families and frames.

Only new prompts are read; counts and times add up, so that it decides nothing in how many looks they came.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pyarrow as pa

from graphsvc.links import frames, queries
from graphsvc.links.engine import Database
from graphsvc.links.families import Int32s, Int64s, Sketches, content_keys, family_id
from graphsvc.links.merging import places
from graphsvc.links.prompts import Asks, asked, sketches_in
from graphsvc.links.reading import Fresh
from graphsvc.links.state import Kept
from graphsvc.links.state_families import joined, leaders_of
from graphsvc.links.state_frames import Asked, grown

SHARED_FAMILIES = "SELECT family FROM asked GROUP BY family HAVING count(*) > 1 ORDER BY family"


def read(fresh: Fresh, kept: Kept) -> Kept:
    """What is kept with the prompts of `fresh`, which `kept` was not made of; their leaders and frames are yet to be
    found."""
    found = asked(fresh)
    return _with_asks(_with_sketches(kept, fresh, found.sketch_key), found)


def likened(kept: Kept) -> Int32s:
    """The leaders of all sketches, see state_families; `kept` has those of the first ones."""
    return leaders_of(Sketches(kept.words, kept.start), kept.content, kept.leader)


def add(database: Database, before: Kept, kept: Kept, leader: Callable[[], Int32s]) -> Kept:
    """Does for a database that has `account` and `derived` what families and frames do for one that has all events.
    `kept` has all prompts, `before` what was counted of the earlier ones; `leader` gives what `likened` found, and is
    asked last. Gives what is to be kept."""
    asks = _asks(kept, kept.sums["account_key"].to_numpy())
    kept = _add_frames(database, before, kept, asks)
    kept = replace(kept, leader=leader())
    _add_families(database, kept, asks)
    return kept


def _with_sketches(kept: Kept, fresh: Fresh, key: Int64s) -> Kept:
    """With the sketches of these keys, in their order, where they are new."""
    new = places(kept.sketch_key, key) < 0
    sketches = sketches_in(fresh, key[new])
    return replace(
        kept,
        sketch_key=np.concatenate([kept.sketch_key, key[new]]),
        sketch_first_ms=np.concatenate([kept.sketch_first_ms, np.full(new.sum(), np.iinfo(np.int64).max)]),
        content=np.concatenate([kept.content, content_keys(sketches)]),
        length=np.concatenate([kept.length, np.diff(sketches.start).astype(np.int32)]),
        # In a first look there is no room to have them twice.
        words=np.concatenate([kept.words, sketches.words]) if len(kept.words) else sketches.words,
    )


def _with_asks(kept: Kept, found: Asks) -> Kept:
    """With the prompts of accounts; every sketch of `found` is among the kept ones."""
    account = np.concatenate([kept.account, found.account_key[places(kept.account, found.account_key) < 0]])
    sketch = places(kept.sketch_key, found.sketch_key)[found.ask & 0xFFFFFFFF]
    ask = places(account, found.account_key)[found.ask >> 32] << 32 | sketch
    place = places(kept.ask, ask)
    new = place < 0
    every = np.concatenate([kept.ask, ask[new]])
    place[new] = len(kept.ask) + np.arange(new.sum())
    more = (0, int(new.sum()))
    first = np.pad(kept.ask_first_ms, more, constant_values=np.iinfo(np.int64).max)
    last, counts = np.pad(kept.ask_last_ms, more), np.pad(kept.ask_count, more)
    first[place] = np.minimum(first[place], found.first_ms)
    last[place] = np.maximum(last[place], found.last_ms)
    counts[place] += found.count
    earliest = kept.sketch_first_ms.copy()
    np.minimum.at(earliest, sketch, found.first_ms)
    return replace(
        kept,
        account=account,
        ask=every,
        ask_first_ms=first,
        ask_last_ms=last,
        ask_count=counts,
        sketch_first_ms=earliest,
    )


def _asks(kept: Kept, account_key: Int64s) -> pa.Table:
    """One row an account and prompt, in the order of both: account (row), sketch and place (rows
    of those kept) …"""
    row_of = places(account_key, kept.account)
    account, sketch = row_of[kept.ask >> 32], kept.ask & 0xFFFFFFFF
    order = _ordered(account, kept.sketch_key[sketch])
    columns = {
        "account": account.astype(np.int32),
        "sketch": sketch.astype(np.int32),
        "first_ms": kept.ask_first_ms,
        "last_ms": kept.ask_last_ms,
        "count": kept.ask_count,
        "place": np.arange(len(kept.ask)),
    }
    return pa.table({name: values[order] for name, values in columns.items()})


def _ordered(account: Int64s, key: Int64s) -> Int64s:
    """The order by both: by as many bits of the keys as there is room for, unless two of an account have them alike."""
    room = 63 - int(account.max(initial=0)).bit_length()
    both = account << room | (key >> 1) + 2**62 >> 63 - room
    order: Int64s = np.argsort(both)
    ordered = both[order]
    return np.lexsort((key, account)) if (ordered[1:] == ordered[:-1]).any() else order


def _add_families(database: Database, kept: Kept, asks: pa.Table) -> None:
    """As graphsvc.links.view does; a sketch's row is its rank by first time and key."""
    order = np.lexsort((kept.sketch_key, kept.sketch_first_ms))
    row = np.empty(len(order), np.int32)
    row[order] = np.arange(len(order), dtype=np.int32)
    database.register("family_of", pa.table({"sketch": row, "family": _family(kept.leader, row)}))
    place = asks.column_names.index("sketch")
    database.register("asks", asks.set_column(place, "sketch", pa.array(row[asks["sketch"].to_numpy()])))
    database.execute(queries.ASKED)
    # Else they would be held as long as the database is.
    database.register("asks", asks.schema.empty_table())
    family = database.table(SHARED_FAMILIES)["family"]
    start = kept.start
    earliest = order[family.to_numpy()].tolist()
    ids = [family_id(kept.words[start[one] : start[one + 1]].astype("<u4").tobytes()) for one in earliest]
    database.register("family_name", pa.table({"family": family, "id": pa.array(ids, pa.string())}))
    database.execute(queries.DERIVED_FAMILIES)


def _family(leader: Int32s, row: Int32s) -> Int32s:
    """The smallest row of each sketch's family."""
    root = joined(leader)
    smallest = row.copy()
    np.minimum.at(smallest, root, row)
    return smallest[root]


def _add_frames(database: Database, before: Kept, kept: Kept, asks: pa.Table) -> Kept:
    account, sketch, place = (asks[name].to_numpy() for name in ("account", "sketch", "place"))
    found, kept = grown(before, kept, Asked(kept.words, kept.start, account, sketch, place))
    names = pa.array(found.ids, pa.string()).take(pa.array(found.frame))
    database.register("framed", asks.take(pa.array(found.prompt)).append_column("id", names))
    database.execute(frames.SEEN)
    return kept
