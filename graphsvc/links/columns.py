"""Ledger records as columns: one wide row an event, one long row an identifier seen, one row a peer named, one row an
identifier that says what its key stands for, and one row an attribute given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from itertools import chain

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.events.record import Record
from graphsvc.ledger.base import Stored
from graphsvc.links.keys import keys_of

Int64s = npt.NDArray[np.int64]

MIN_FAMILY_CHARACTERS = 40
"""Shorter prompts ("go on", "thank you") are asked by everybody; they are counted, but no family is made of them."""

EVENTS = pa.schema(
    [
        ("offset", pa.int64()),
        ("account_id", pa.string()),
        ("occurred_ms", pa.int64()),
        ("type", pa.string()),
        ("payment_outcome", pa.string()),
        ("funding", pa.string()),
        ("model", pa.string()),
        ("status", pa.int16()),
        ("input_tokens", pa.int64()),
        ("output_tokens", pa.int64()),
        ("tool_count", pa.int32()),
        ("action", pa.string()),
        ("prompted", pa.bool_()),
        ("sketch_key", pa.int64()),
        ("sketch", pa.binary()),
        ("chain", pa.list_(pa.int64())),
        ("area", pa.string()),
        ("techniques", pa.int32()),
        ("templated", pa.float32()),
        ("account_key", pa.int64()),
    ]
)
IDENTIFIERS = pa.schema(
    [
        ("offset", pa.int64()),
        ("account_id", pa.string()),
        ("type", pa.string()),
        ("id", pa.string()),
        ("occurred_ms", pa.int64()),
        ("account_key", pa.int64()),
        ("key", pa.int64()),
    ]
)
NAMES = pa.schema([("key", pa.int64()), ("type", pa.string()), ("id", pa.string())])
PEERS = pa.schema(
    [
        ("offset", pa.int64()),
        ("source", pa.string()),
        ("target", pa.string()),
        ("type", pa.string()),
        ("weight", pa.float32()),
        ("occurred_ms", pa.int64()),
    ]
)

ATTRIBUTES = pa.schema(
    [
        ("account_key", pa.int64()),
        ("occurred_ms", pa.int64()),
        ("name", pa.string()),
        ("number", pa.float64()),
        ("text", pa.string()),
    ]
)
ATTRIBUTE_MAX = 1e18
"""Larger numbers are cut to this, so that sums of them are exact decimals."""


@dataclass(frozen=True)
class Columns:
    """The tables of one stretch of the ledger, rows in the order of offsets; `names` has each identifier once."""

    events: pa.Table
    identifiers: pa.Table
    peers: pa.Table
    names: pa.Table
    attributes: pa.Table = field(default_factory=ATTRIBUTES.empty_table)

    def parts(self) -> tuple[tuple[str, pa.Table], ...]:
        return (
            ("events", self.events),
            ("identifiers", self.identifiers),
            ("peers", self.peers),
            ("names", self.names),
            ("attributes", self.attributes),
        )


def columns_of(batch: Sequence[Stored]) -> Columns:
    """Columns of a batch of records; the work is in comprehensions and Arrow, 300k records/s a core."""
    records = [stored.record for stored in batch]
    offset = np.fromiter((stored.offset for stored in batch), np.int64, len(batch))
    occurred = np.fromiter((record.occurred_ms for record in records), np.int64, len(batch))
    account = pa.array([record.account_id for record in records], pa.string())
    account_key = keys_of(account)
    sketches = [_sketch(stored) for stored in batch]
    events = [
        offset,
        account,
        occurred,
        *([getattr(record, name) for record in records] for name in EVENTS.names[3:12]),
        [record.fingerprint is not None for record in records],
        [None if sketch is None else sketch_key(sketch) for sketch in sketches],
        sketches,
        _chains(records),
        *_traits(records),
        account_key,
    ]
    identifiers = _identifiers(batch, offset, account, occurred, account_key)
    peers = _peers(batch, offset, account, occurred)
    return Columns(
        _table(events, EVENTS), identifiers, peers, _names(identifiers), _attributes(records, account_key, occurred)
    )


def sketch_key(sketch: bytes) -> int:
    """64 bits that stand for a sketch; equal sketches have equal keys."""
    return int.from_bytes(blake2b(sketch, digest_size=8).digest(), "little", signed=True)


def _identifiers(
    batch: Sequence[Stored], offset: Int64s, account: pa.Array, occurred: Int64s, account_key: Int64s
) -> pa.Table:
    groups = [stored.record.identifiers for stored in batch]
    row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    flat = list(chain.from_iterable(groups))
    types, ids = pa.array([one.type for one in flat], pa.string()), pa.array([one.id for one in flat], pa.string())
    times = offset[row], account.take(pa.array(row)), types, ids, occurred[row]
    return _table([*times, account_key[row], keys_of(types, ids)], IDENTIFIERS)


def _names(identifiers: pa.Table) -> pa.Table:
    _, first = np.unique(identifiers["key"].to_numpy(), return_index=True)
    return identifiers.select(NAMES.names).take(first)


def _peers(batch: Sequence[Stored], offset: Int64s, account: pa.Array, occurred: Int64s) -> pa.Table:
    groups = [stored.record.peers for stored in batch]
    row = np.repeat(np.arange(len(groups)), [len(group) for group in groups])
    flat = list(chain.from_iterable(groups))
    targets, types, weights = [p.account_id for p in flat], [p.type for p in flat], [p.weight for p in flat]
    return _table([offset[row], account.take(pa.array(row)), targets, types, weights, occurred[row]], PEERS)


def _attributes(records: Sequence[Record], account_key: Int64s, occurred: Int64s) -> pa.Table:
    """Numbers and truths (0 or 1) in `number`, all else in `text`; what was given as null is left out."""
    given = [[(name, value) for name, value in record.attributes.items() if value is not None] for record in records]
    row = np.repeat(np.arange(len(given)), [len(one) for one in given])
    flat = list(chain.from_iterable(given))
    numbers = [None if isinstance(value, str) else _bounded(float(value)) for _, value in flat]
    texts = [value if isinstance(value, str) else None for _, value in flat]
    return _table([account_key[row], occurred[row], [name for name, _ in flat], numbers, texts], ATTRIBUTES)


def _bounded(number: float) -> float:
    return min(max(number, -ATTRIBUTE_MAX), ATTRIBUTE_MAX)


def _traits(records: Sequence[Record]) -> list[list[object]]:
    """Area, techniques and template-likeness; None for an event without a prompt whose text was seen."""
    traits = [None if record.fingerprint is None else record.fingerprint.traits for record in records]
    return [
        [None if one is None else getattr(one, name) for one in traits] for name in ("area", "techniques", "templated")
    ]


def _chains(records: Sequence[Record]) -> pa.Array:
    """Keys of each record's chain; an empty list for a record without one."""
    chains = [record.fingerprint.chain if record.fingerprint else () for record in records]
    starts = np.concatenate([[0], np.cumsum([len(one) for one in chains])])
    keys = keys_of(pa.array(list(chain.from_iterable(chains)), pa.string()))
    return pa.ListArray.from_arrays(pa.array(starts, pa.int32()), pa.array(keys))


def _sketch(stored: Stored) -> bytes | None:
    fingerprint = stored.record.fingerprint
    if fingerprint is None or not fingerprint.sketch:
        return None
    too_short = 0 < fingerprint.length < MIN_FAMILY_CHARACTERS
    return None if too_short else fingerprint.sketch


def _table(columns: Sequence[object], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.table(arrays, schema=schema)
