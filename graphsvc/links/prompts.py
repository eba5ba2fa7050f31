"""Who asked what, and the sketches of it, in passes over columns: a query would hold all sketches at once and twice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from graphsvc.links.families import SAMPLE_MAX, SIGNATURE, Sketches, sketches_of
from graphsvc.links.numbering import Numbering, folded
from graphsvc.links.reading import Fresh, numbers

Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Asks:
    """`ask` is a row of `account_key` << 32 | a row of `sketch_key`, each once and ascending; each key is once there.
    `first_ms`, `last_ms` and `count` are int64, of each ask."""

    account_key: Int64s
    sketch_key: Int64s
    ask: Int64s
    first_ms: Int64s
    last_ms: Int64s
    count: Int64s


def asked(fresh: Fresh) -> Asks:
    """The prompts of a look's events that have a sketch."""
    accounts, sketches = Numbering(), Numbering()
    asks, times = [np.empty(0, np.int64)], [np.empty(0, np.int64)]
    for part in fresh.read("events", ("account_key", "sketch_key")):
        told = part.filter(pc.is_valid(part["sketch_key"]))
        account, sketch = (told[name].to_numpy() for name in ("account_key", "sketch_key"))
        asks.append(accounts.of(account).astype(np.int64) << 32 | sketches.of(sketch))
        times.append(told["occurred_ms"].to_numpy())
    at_ms = np.concatenate(times)
    ask, first_ms, last_ms, count = folded(np.concatenate(asks), at_ms, at_ms, np.ones(len(at_ms), np.int32))
    return Asks(accounts.keys, sketches.keys, ask, first_ms, last_ms, count.astype(np.int64))


def sketches_in(fresh: Fresh, key: Int64s) -> Sketches:
    """The sketches of these keys, each once there and in the order in which a look's events first have them."""
    wanted = Numbering()
    wanted.of(key)
    # Room is taken up only as it is filled.
    words = np.empty(len(key) * (SIGNATURE + SAMPLE_MAX), np.uint32)
    start, done = np.zeros(len(key) + 1, np.int64), 0
    for part in fresh.read("events", ("sketch_key", "sketch")) if len(key) else ():
        told = np.flatnonzero(pc.is_valid(part["sketch_key"]).to_numpy())
        key_of = numbers(part["sketch_key"])[told]
        number, first = np.unique(wanted.known(key_of), return_index=True)
        new = told[first[number >= done]]
        found = sketches_of(part["sketch"].take(pa.array(new)))
        begin, end = start[done], start[done] + found.start[-1]
        if end > len(words):
            words = np.concatenate([words[:begin], np.empty(end, np.uint32)])
        words[begin:end] = found.words[: found.start[-1]]
        start[done : done + len(new) + 1] = begin + found.start
        done += len(new)
    return Sketches(words[: start[-1]], start)
