"""How the index lies in memory: its arrays, what stands in each of their columns, and the numbers they go by."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[Any]
ABSENT = -1
TOTAL, HIGHEST, SECOND, BAD, GOOD = range(5)
"""Columns of the sums: of probabilities their total, the highest and the second, and the totals of the standings."""
BAN, REINSTATE = 1, 2
ACCOUNTS, NEW, IDENTIFIERS, LINKS, NAMES, SIZES = range(6)
"""Places in `sizes`: how many of each an overlay holds, NEW being the accounts that the base lacks."""
POPULATION_MIN, HUB_CUT = 10_000, 128
BELIEVED = 0.75
"""So far others go by what was said of an account between two looks: it rests in part on answers of the same sort, and
these must not talk each other into an accusation."""

ACCOUNT = np.dtype(
    [
        ("start", np.int64),
        ("probability", np.float32),
        ("bad", np.float32),
        ("good", np.float32),
        ("cluster", np.int32),
        ("banned", np.uint8),
    ],
    align=True,
)
"""Of an account in the base: where its links start; its probability, NaN where no detection saw it."""
IDENTIFIER = np.dtype(
    [
        ("sums", np.float32, (5,)),
        ("degree", np.int32),
        ("cluster", np.int32),
        ("type", np.int16),
    ],
    align=True,
)
CAME = np.dtype(
    [
        ("key", np.uint64),
        ("probability", np.float64),
        ("bad", np.float64),
        ("good", np.float64),
        ("occurred_ms", np.int64),
        ("row", np.int32),
        ("first", np.int32),
        ("last", np.int32),
        ("banned", np.int8),
        ("stands", np.uint8),
    ],
    align=True,
)
"""Of an account that came or changed since the base: `probability` NaN where it is that of the base, `stands` whether
bad and good prevail over the base's; `first` and `last` of its new links; `banned` -1 where no enforcement came."""
ARRIVED = np.dtype(
    [
        ("key", np.uint64),
        ("org", np.uint64),
        ("total", np.float64),
        ("highest", np.float64),
        ("second", np.float64),
        ("bad", np.float64),
        ("good", np.float64),
        ("count", np.int64),
        ("row", np.int32),
        ("highest_of", np.int32),
        ("second_of", np.int32),
        ("type", np.int16),
        ("told", np.uint8),
    ],
    align=True,
)
"""What came to one identifier since the base: `count` accounts, with the total of their probabilities and the two
highest by account; `bad` and `good` are the standings of those that came and the changes of those that were there.
`told`: whether `org` is what all accounts of a conversation have in common by now."""
LINK = np.dtype([("identifier", np.int32), ("next", np.int32), ("type", np.int16)], align=True)
NAME = np.dtype([("key", np.uint64), ("stands_for", np.uint64)])
SHARED = np.dtype(
    [
        ("others", np.int64),
        ("abusive", np.int64),
        ("benign", np.int64),
        ("bits", np.float32),
        ("mean", np.float32),
        ("highest", np.float32),
        ("cluster", np.int32),
        ("type", np.int16),
    ],
    align=True,
)
"""One identifier that an account shares, as graphsvc.risk.shared tells it."""


class BaseArrays(NamedTuple):
    """Read-only, in order of keys: the account in row r has the key `account_keys[r]`."""

    account_keys: Array
    accounts: Array
    links: Array
    identifier_keys: Array
    identifiers: Array
    orgs: Array
    names: Array
    named: Array


class OverlayArrays(NamedTuple):
    """What came since. Each table holds places in its array, plus one, by key (open addressing, Knuth 1973)."""

    sizes: Array
    account_table: Array
    accounts: Array
    identifier_table: Array
    identifiers: Array
    links: Array
    name_table: Array
    names: Array


class TypeArrays(NamedTuple):
    """`special` int64[3]: the codes of conversation, conversation_in_org and org; `prior` float64[T] by code."""

    special: Array
    prior: Array
