"""What accounts hold by what events name, in one pass over columns: what `queries.HELD` and the names of it give.

Rows of a segment are folded as they are read: an account that asks a hundred times from one address is one row before
all are put in order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.merging import in_order
from graphsvc.links.numbering import Numbering, folded
from graphsvc.links.reading import Fresh, codes, is_one_of

DERIVED = ("conversation_in_org", "prompt_family", "prompt_frame")
"""What events name only as an answer once said it: a view finds these itself."""
NAMES = pa.schema([("key", pa.int64()), ("type", pa.string()), ("id", pa.string())])
CODED = NAMES.set(1, pa.field("type", pa.dictionary(pa.int32(), pa.string())))

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
Rows = tuple[Int64s, Int64s, Int64s, Int32s]


@dataclass(frozen=True)
class Holdings:
    """`names`: NAMES, each identifier once, by type and id. `held`: account (row of those given), name (row of
    `names`), first_ms, last_ms, count (int32), each pair once, by both rows."""

    names: pa.Table
    held: pa.Table


def holdings(fresh: Fresh, account_key: Int64s) -> Holdings:
    """What the accounts of these keys, all that there are, hold by the events of a look. Conversations count only where
    their event lacks the chain that a record names them by."""
    accounts, identifiers = Numbering(), Numbering()
    accounts.of(account_key)
    read = fresh.read("identifiers", ("account_key", "key", "type"), ("type",))
    parts = [_named(*part, accounts, identifiers) for part in zip(_chained(fresh), read, strict=True)]
    pair, first_ms, last_ms, count = (
        np.concatenate([part[place] for part in parts]) if parts else np.empty(0, np.int64) for place in range(4)
    )
    del parts
    names, rank = _names(fresh, identifiers)
    place = pair & ~np.int64(0xFFFFFFFF) | rank[pair & 0xFFFFFFFF]
    pair, first_ms, last_ms, count = folded(place, first_ms, last_ms, count.astype(np.int32))
    ends = {"account": pair >> 32, "name": pair & 0xFFFFFFFF}
    columns = {**ends, "first_ms": first_ms, "last_ms": last_ms, "count": count}
    return Holdings(names, pa.table(columns))


def _chained(fresh: Fresh) -> Iterator[Int64s]:
    """By segment, the offsets of events that carry a chain, ascending."""
    for part in fresh.read("events", ("chain",)):
        yield part["offset"].to_numpy()[pc.list_value_length(part["chain"]).to_numpy() > 0]


def _named(chained: Int64s, part: pa.Table, accounts: Numbering, identifiers: Numbering) -> Rows:
    """A segment's rows, folded: account and identifier by their numbers."""
    told = ~is_one_of(part["type"], *DERIVED)
    spoken = is_one_of(part["type"], "conversation")
    told[spoken] = ~np.isin(part["offset"].to_numpy()[spoken], chained)
    account = accounts.known(part["account_key"].to_numpy()[told])
    identifier = identifiers.of(part["key"].to_numpy()[told])
    at_ms = part["occurred_ms"].to_numpy()[told]
    return folded(account.astype(np.int64) << 32 | identifier, at_ms, at_ms, np.ones(len(at_ms), np.int32))


def _names(fresh: Fresh, identifiers: Numbering) -> tuple[pa.Table, Int64s]:
    """NAMES of all identifiers that came up, by type and id, and the row of each number."""
    known = np.zeros(len(identifiers.keys), np.bool_)
    parts = []
    for part in fresh.names():
        number = identifiers.known(part["key"].to_numpy())
        new = np.flatnonzero(number >= 0)
        new = new[~known[number[new]]]
        came, first = np.unique(number[new], return_index=True)
        known[came] = True
        parts.append(part.take(pa.array(new[first])))
    names = pa.concat_tables([CODED.empty_table(), *parts]).unify_dictionaries().combine_chunks()
    code, types = codes(names["type"])
    order = in_order(pc.rank(types, tiebreaker="dense").to_numpy()[code], names["id"])
    row = np.empty(len(known), np.int64)
    row[identifiers.known(names["key"].to_numpy()[order])] = np.arange(len(order))
    return names.take(pa.array(order)).cast(NAMES).combine_chunks(), row
