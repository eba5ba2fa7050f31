"""Frames of prompts some of which are new, out of what was counted before.

How many accounts repeat or have a shingle is counted again for accounts that have new prompts. A MinHash takes in new
prompts as they come. Old prompts are gone through only for shingles and frames that there were none of before.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from graphsvc.links import frame_kernels as kernels
from graphsvc.links import frame_passes as passes
from graphsvc.links.families import Int32s, Int64s, UInt32s, UInt64s
from graphsvc.links.frames import Frames, Groups, grouped_by, held_by, shown_among
from graphsvc.links.state import Kept

Text = tuple[UInt32s, Int64s, Int32s]


@dataclass(frozen=True)
class Asked:
    """Asks in order of account: of each its account, its sketch, and its row among those kept."""

    words: UInt32s
    begin: Int64s
    account: Int64s
    sketch: Int32s
    place: Int64s

    @property
    def text(self) -> Text:
        return self.words, self.begin, self.sketch

    @property
    def start(self) -> Int64s:
        """Where each account's begin; accounts numbered without gaps."""
        first = np.flatnonzero(np.concatenate([[True], self.account[1:] != self.account[:-1]])[: len(self.account)])
        return np.append(first, len(self.account)).astype(np.int64)

    def where(self, chosen: np.ndarray) -> Asked:
        return replace(self, account=self.account[chosen], sketch=self.sketch[chosen], place=self.place[chosen])


def grown(before: Kept, kept: Kept, asked: Asked) -> tuple[Frames, Kept]:
    """The frames of all asks, whose places in `asked` they name; and `kept`, which has all of them, with what was
    counted, out of what was counted `before`, when there were fewer."""
    new = asked.place >= len(before.ask)
    touched = asked.where(np.isin(asked.account, np.unique(asked.account[new])))
    earlier = touched.where(touched.place < len(before.ask))
    repeated, repeating = _repeating(before, earlier, touched)
    several = repeated[repeating > 1]
    asking = _asking(before, earlier, touched, asked, several)
    usual = several[repeating[repeating > 1] * kernels.USUAL >= asking]
    company = _company(before, asked, asked.where(new), kept.content, usual)
    groups = grouped_by(usual, company)
    place, frame = _held(before, asked, asked.where(new), groups)
    at = np.empty(len(asked.place), np.int64)
    at[asked.place] = np.arange(len(asked.place))
    counted = replace(
        kept,
        repeated=repeated,
        repeating=repeating,
        asked=several,
        asking=asking,
        usual=usual,
        company=company,
        frame_shingle=groups.named,
        frame_size=np.diff(groups.first),
        held_ask=place,
        held_frame=frame,
    )
    return shown_among(asked.text, _starts(asked.account), at[place], frame, groups), counted


def _repeating(before: Kept, earlier: Asked, touched: Asked) -> tuple[UInt32s, Int64s]:
    """Shingles, ascending, and how many accounts repeat each."""
    gone, come = passes.repeated(earlier.text, earlier.start), passes.repeated(touched.text, touched.start)
    shingle, row = np.unique(np.concatenate([before.repeated, gone, come]), return_inverse=True)
    sign = np.concatenate([before.repeating, np.full(len(gone), -1), np.full(len(come), 1)])
    count = np.zeros(len(shingle), np.int64)
    np.add.at(count, row, sign)
    return shingle[count > 0], count[count > 0]


def _asking(before: Kept, earlier: Asked, touched: Asked, asked: Asked, shingle: UInt32s) -> Int64s:
    """How many accounts have each shingle, of those that have prompts enough to repeat one."""
    known = np.isin(shingle, before.asked)
    count = np.empty(len(shingle), np.int64)
    count[~known] = _askers(asked, shingle[~known])
    changed = _askers(touched, shingle[known]) - _askers(earlier, shingle[known])
    count[known] = before.asking[np.searchsorted(before.asked, shingle[known])] + changed
    return count


def _askers(asked: Asked, shingle: UInt32s) -> Int64s:
    count: Int64s = np.zeros(len(shingle), np.int64)
    if len(shingle):
        count = passes.askers(asked.text, asked.start, kernels.table_of(shingle), shingle)
    return count


def _company(before: Kept, asked: Asked, new: Asked, content: UInt64s, shingle: UInt32s) -> UInt32s:
    """[shingles, COMPANY]: MinHash of the prompts that have each."""
    known = np.isin(shingle, before.usual)
    company = np.empty((len(shingle), kernels.COMPANY), np.uint32)
    company[~known] = _signature(asked, content, shingle[~known])
    old = before.company[np.searchsorted(before.usual, shingle[known])]
    company[known] = np.minimum(old, _signature(new, content, shingle[known]))
    return company


def _signature(asked: Asked, content: UInt64s, shingle: UInt32s) -> UInt32s:
    signature: UInt32s = np.empty((0, kernels.COMPANY), np.uint32)
    if len(shingle):
        signature = passes.company(asked.text, content, kernels.table_of(shingle), shingle)
    return signature


def _held(before: Kept, asked: Asked, new: Asked, groups: Groups) -> tuple[Int64s, Int32s]:
    """Asks that have a frame, by their rows among those kept, and the frame."""
    was = {name: frame for frame, name in enumerate(_names(_groups(before.frame_shingle, before.frame_size)))}
    old = np.array([was.get(name, -1) for name in _names(groups)], np.int32)
    now = np.full(len(was) + 1, -1, np.int32)
    now[old[old >= 0]] = np.flatnonzero(old >= 0)
    still = now[before.held_frame] >= 0
    parts = [(before.held_ask[still], now[before.held_frame[still]])]
    for chosen, among in ((np.flatnonzero(old >= 0), new), (np.flatnonzero(old < 0), asked)):
        if len(chosen):
            prompt, frame = held_by(among.text, _chosen(groups, chosen))
            parts.append((among.place[prompt], chosen[frame].astype(np.int32)))
    place, frame = (np.concatenate(part) for part in zip(*parts, strict=True))
    return place, frame


def _groups(named: UInt32s, size: Int64s) -> Groups:
    return Groups(named, np.concatenate([[0], np.cumsum(size)]).astype(np.int64))


def _chosen(groups: Groups, chosen: Int64s) -> Groups:
    parts = [groups.named[groups.first[one] : groups.first[one + 1]] for one in chosen.tolist()]
    return _groups(np.concatenate(parts), np.diff(groups.first)[chosen])


def _names(groups: Groups) -> list[bytes]:
    """What stands for each group: its shingles."""
    return [one.tobytes() for one in np.split(groups.named, groups.first[1:-1])] if len(groups.first) > 1 else []


def _starts(account: Int64s) -> Int64s:
    """Where each account's begin, those that asked nothing included."""
    return np.searchsorted(account, np.arange(account.max(initial=-1) + 2)).astype(np.int64)
