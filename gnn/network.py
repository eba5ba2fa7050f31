"""The account network as of one moment: what a model reads. Arrow tables and numpy arrays, nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from gnn.groups import group_index

FACTS: tuple[str, ...] = (
    "events",
    "logins",
    "payments",
    "requests",
    "active_days",
    "declined_share",
    "charged_back_share",
    "prepaid_share",
    "status_429_share",
    "status_5xx_share",
    "status_401_share",
    "input_tokens_mean",
    "output_tokens_mean",
    "models",
    "tools_share",
    "hour_entropy",
    "gap_cv",
    "prompts",
    "prompt_families",
    "family_repeat_share",
    "conversations",
    "warned",
    "banned",
    "area_breadth",
    "uniformity",
    "systematic",
    "step_by_step_share",
    "rubric_grading_share",
    "dataset_generation_share",
    "tool_trace_share",
    "jailbreak_share",
    "prompt_extraction_share",
)
"""Columns of `Network.accounts` that tell what an account did; float32, 0 where nothing is known."""

LABEL_SCHEMA = pa.schema(
    [
        ("account", pa.int32()),
        ("verdict", pa.string()),
        ("kind", pa.string()),
        ("operator_id", pa.string()),
        ("decided_ms", pa.int64()),
        ("source", pa.string()),
        ("confidence", pa.float32()),
    ]
)
ATTRIBUTE_SCHEMA = pa.schema(
    [
        ("account_id", pa.string()),
        ("name", pa.string()),
        ("last", pa.float64()),
        ("mean", pa.float64()),
        ("text", pa.string()),
    ]
)
PAIR_SCHEMA = pa.schema([("a", pa.int32()), ("b", pa.int32()), ("bits", pa.float32()), ("groups", pa.int16())])
PEER_SCHEMA = pa.schema(
    [
        ("source", pa.int32()),
        ("target", pa.int32()),
        ("type", pa.string()),
        ("weight", pa.float32()),
        ("first_ms", pa.int64()),
    ]
)


def no_labels() -> pa.Table:
    """An empty label table."""
    return LABEL_SCHEMA.empty_table()


@dataclass(frozen=True)
class Network:
    """Accounts, identifiers and their links from events that occurred by `as_of_ms`, labels decided by then.

    accounts     one row an account: account_id, created_ms, first_ms, last_ms, then FACTS
    identifiers  type, id, degree int32 (accounts), bits float32 (0 for a hub), first_ms
    links        account int32, identifier int32 (rows of the two tables), first_ms, last_ms, count int32
    peers        PEER_SCHEMA, direct account-to-account links
    pairs        PAIR_SCHEMA, a < b, accounts with enough shared evidence
    clusters     int32[accounts], the account's cluster or -1
    labels       LABEL_SCHEMA
    attributes   ATTRIBUTE_SCHEMA, what the log's owner tells of accounts beside that
    own          float32[accounts, K], attributes as a model reads them, see gnn.attributes
    """

    as_of_ms: int
    accounts: pa.Table
    identifiers: pa.Table
    links: pa.Table
    peers: pa.Table
    pairs: pa.Table
    clusters: npt.NDArray[np.int32]
    labels: pa.Table = field(default_factory=no_labels)
    attributes: pa.Table = field(default_factory=ATTRIBUTE_SCHEMA.empty_table)
    own: npt.NDArray[np.float32] | None = None

    @property
    def account_count(self) -> int:
        return int(self.accounts.num_rows)

    @property
    def cluster_count(self) -> int:
        return int(self.clusters.max(initial=-1)) + 1

    @cached_property
    def identifier_group(self) -> npt.NDArray[np.int8]:
        """int8[identifiers]: the ordinal in GROUPS of each identifier's type."""
        encoded = pc.dictionary_encode(self.identifiers["type"].combine_chunks())
        codes = np.array([group_index(name) for name in encoded.dictionary.to_pylist()], dtype=np.int8)
        return codes[encoded.indices.to_numpy(zero_copy_only=False)] if len(codes) else np.zeros(0, dtype=np.int8)


Scalar = TypeVar("Scalar", bound=np.generic)


def column(table: pa.Table, name: str, dtype: type[Scalar]) -> npt.NDArray[Scalar]:
    """One column as a contiguous numpy array of the type asked for; a null number becomes 0."""
    values = table[name].combine_chunks()
    if values.null_count:
        values = pc.fill_null(values, 0)
    return np.ascontiguousarray(values.to_numpy(zero_copy_only=False).astype(dtype, copy=False))
