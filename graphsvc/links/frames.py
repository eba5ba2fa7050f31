"""Prompt frames: what stays the same over an account's many prompts while their contents change.

Prompts of one hidden template need not be alike as whole texts. But its shingles come back in the prompts of whoever
uses it, and of few others, each time beside other contents. So: shingles that some accounts repeat; of these the ones
that most accounts who write them repeat too (a common phrase has many who write it once); together those that the same
prompts hold (MinHash of their prompts, Broder 1997); and of these groups, the frames, those that at least two accounts
show with varied neighbours. A shingle that always has the same neighbours is a repeated text, and no frame.
All this is on FracMinHash samples (Irber et al. 2022), which are the same in every prompt. Time grows linearly.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from graphsvc.links import frame_kernels as kernels
from graphsvc.links import frame_passes as passes
from graphsvc.links.buckets import buckets, join, roots
from graphsvc.links.engine import Database
from graphsvc.links.families import Sketches, content_keys

FRAME_MIN = 3
"""Sampled shingles of a frame: about twelve in the text. Fewer are a turn of phrase."""
VARIED_MIN = 0.75
"""What each further prompt brings that is new, over the size of the frame. A text that is sent again with small edits
brings less: it is a family."""

Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]
UInt32s = npt.NDArray[np.uint32]
UInt64s = npt.NDArray[np.uint64]

PROMPTS = """
SELECT asks.account, asks.sketch, asks.first_ms, asks.last_ms, asks.count
FROM asks JOIN sketch ON sketch.row = asks.sketch
ORDER BY asks.account, sketch.sketch_key
"""
SEEN = """
INSERT INTO derived
SELECT account, 'prompt_frame', id, min(first_ms), max(last_ms), CAST(sum(count) AS INTEGER)
FROM framed GROUP BY account, id
"""


@dataclass(frozen=True)
class Prompts:
    """Prompts that accounts sent, each text once an account: those of account a are `sketch[start[a]:start[a + 1]]`
    (rows of sketches), in an order that their content decides."""

    start: Int64s
    sketch: Int32s


@dataclass(frozen=True)
class Frames:
    """Prompt `prompt[i]` (a place in Prompts.sketch) has frame `frame[i]`, whose id is `ids[frame[i]]`."""

    prompt: Int64s
    frame: Int32s
    ids: list[str]


def add(database: Database, sketches: Sketches) -> None:
    """Inserts into `derived` the frames of prompts that accounts have in common, type prompt_frame; from `asks` and the
    sketches by their rows."""
    asked = database.table(PROMPTS)
    account = asked["account"].to_numpy()
    start = np.searchsorted(account, np.arange(account.max(initial=-1) + 2)).astype(np.int64)
    found = frames_of(sketches, Prompts(start, asked["sketch"].to_numpy()))
    names = pa.array(found.ids, pa.string()).take(pa.array(found.frame))
    database.register("framed", asked.take(pa.array(found.prompt)).append_column("id", names))
    database.execute(SEEN)


def frames_of(sketches: Sketches, prompts: Prompts) -> Frames:
    """The frames that at least two accounts show, and every prompt that has one of them.

    Prompts of accounts that do not show a frame are among them: a frame that many send once is a public text, and its
    degree must say so. What is found depends on the contents of the accounts' prompts alone.
    """
    text = (sketches.words, sketches.start, prompts.sketch)
    shingle, repeating = _repeated(text, prompts.start)
    table = kernels.table_of(shingle)
    asking = passes.askers(text, prompts.start, table, shingle)
    usual = repeating * kernels.USUAL >= asking
    shingle = shingle[usual]
    table = kernels.table_of(shingle)
    grouped = grouped_by(shingle, passes.company(text, content_keys(sketches), table, shingle))
    return shown_among(text, prompts.start, *held_by(text, grouped), grouped)


@dataclass(frozen=True)
class Groups:
    """Shingles that the same prompts have: those of group g are `named[first[g]:first[g + 1]]`, ascending."""

    named: UInt32s
    first: Int64s


def grouped_by(shingle: UInt32s, company: UInt32s) -> Groups:
    """The groups of FRAME_MIN and more among shingles, ascending, whose prompts have these MinHash values."""
    frame, size = _numbered(_together(company))
    named, frame = shingle[frame >= 0], frame[frame >= 0]
    first = np.concatenate([[0], np.cumsum(size)]).astype(np.int64)
    return Groups(named[np.lexsort((named, frame))], first)


def held_by(text: tuple[UInt32s, Int64s, Int32s], groups: Groups) -> tuple[Int64s, Int32s]:
    """Prompts (places in the text's) that have enough of a group's shingles, and the group."""
    frame = np.repeat(np.arange(len(groups.first) - 1, dtype=np.int32), np.diff(groups.first))
    order = np.argsort(groups.named, kind="stable")
    table = kernels.table_of(groups.named[order])
    return passes.holders(text, table, groups.named[order], frame[order], groups.named, groups.first)


def _repeated(text: tuple[UInt32s, Int64s, Int32s], start: Int64s) -> tuple[UInt32s, Int64s]:
    """Shingles that at least two accounts repeat, ascending, and how many accounts do."""
    shingle, count = np.unique(passes.repeated(text, start), return_counts=True)
    return shingle[count > 1], count[count > 1]


def _together(company: UInt32s) -> Int32s:
    """Group of each shingle: those that the same prompts have are joined. Rows are in the order of shingles."""
    parent = np.arange(len(company), dtype=np.int32)
    ranked = parent.copy()
    for band in range(0, company.shape[1], 2):
        key = company[:, band].astype(np.uint64) << np.uint64(32) | company[:, band + 1]
        join(parent, *kernels.mates(*buckets(key, ranked), company))
    group: Int32s = roots(parent)
    return group


def _numbered(group: Int32s) -> tuple[Int32s, Int64s]:
    """Groups of FRAME_MIN shingles and more, counted from 0, -1 for smaller ones; and the size of each."""
    _, place, size = np.unique(group, return_inverse=True, return_counts=True)
    kept = size >= FRAME_MIN
    number = np.where(kept, np.cumsum(kept) - 1, -1).astype(np.int32)
    return number[place], size[kept]


def shown_among(
    text: tuple[UInt32s, Int64s, Int32s], start: Int64s, prompt: Int64s, held: Int32s, groups: Groups
) -> Frames:
    """The groups that accounts show, given every prompt that has one."""
    account = np.searchsorted(start, prompt, side="right") - 1
    order = np.lexsort((prompt, account, held))
    prompt, held, account = prompt[order], held[order], account[order]
    size = np.diff(groups.first)
    shown = kernels.shown(*text, prompt, account, held, size, VARIED_MIN)
    number = (np.cumsum(shown) - 1).astype(np.int32)
    ids = [_frame_id(int(groups.named[place])) for place in groups.first[:-1][shown]]
    kept = shown[held]
    return Frames(prompt[kept], number[held[kept]], ids)


def _frame_id(shingle: int) -> str:
    """Id of the frame whose smallest sampled shingle this is: 22 characters."""
    digest = blake2b(b"frame" + shingle.to_bytes(4, "little"), digest_size=16).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
