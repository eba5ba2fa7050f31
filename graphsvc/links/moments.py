"""Moments of accounts that timing compares: when each comes out of quiet, and when it goes quiet after a refusal.

Also the two kernels that compare them: which moments of accounts that share a thing fall together, and how likely that
was. Times are epoch milliseconds.
"""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np
import numpy.typing as npt

QUIET_MS = 300_000
"""An account is quiet when it asks nothing for so long: the shortest cooldown that relays keep, and longer than most
people think between two questions."""
NEVER = np.iinfo(np.int64).max
HALF_MS = 1_800_000
CYCLES_MS = (60_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000)
"""Clocks that programs are started by."""
DAY_MS = 86_400_000
CROWD = 64
"""Members of one thing that act within one window: where more do, something outside moves them all."""

Bools = npt.NDArray[np.bool_]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """Those of account a are `at_ms[start[a]:start[a+1]]`, ascending; `end_ms` is when a quiet time ends, or NEVER."""

    start: Int64s
    at_ms: Int64s
    end_ms: Int64s

    @property
    def account(self) -> Int32s:
        """Row of each moment's account."""
        return np.repeat(np.arange(len(self.start) - 1, dtype=np.int32), np.diff(self.start))

    def counts(self) -> Int64s:
        """Moments of each account."""
        return np.diff(self.start)

    def moved(self, by_ms: int) -> Moments:
        """The same, so much later."""
        return Moments(self.start, self.at_ms + by_ms, np.where(self.end_ms == NEVER, NEVER, self.end_ms + by_ms))

    def ended(self) -> Moments:
        """Those after which the account came back."""
        return _picked(self.start, self.at_ms, self.end_ms != NEVER, self.end_ms)


def moments_of(
    account: Int32s, occurred_ms: Int64s, status: npt.NDArray[np.int16], accounts: int
) -> tuple[Moments, Moments]:
    """Starts and rests, from requests and bans (status 403) sorted by account and time.

    A start is a request with none before it for QUIET_MS; a rest is a refused request with none after it for so long.
    """
    start = np.searchsorted(account, np.arange(accounts + 1)).astype(np.int64)
    begins, rests, end_ms = _moments(start, occurred_ms, status)
    return _picked(start, occurred_ms, begins, end_ms), _picked(start, occurred_ms, rests, end_ms)


def _picked(start: Int64s, at_ms: Int64s, kept: Bools, end_ms: Int64s) -> Moments:
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    return Moments(before[start], at_ms[kept], end_ms[kept])


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _moments(start: Int64s, at_ms: Int64s, status: npt.NDArray[np.int16]) -> tuple[Bools, Bools, Int64s]:
    begins = np.zeros(at_ms.size, np.bool_)
    rests = np.zeros(at_ms.size, np.bool_)
    end_ms = np.full(at_ms.size, NEVER, np.int64)
    for account in range(start.size - 1):
        first, last = start[account], start[account + 1] - 1
        for place in range(first, last + 1):
            begins[place] = place == first or at_ms[place] - at_ms[place - 1] >= QUIET_MS
            if place < last:
                end_ms[place] = at_ms[place + 1]
            refused = status[place] in (401, 403, 429) or 500 <= status[place] <= 599
            rests[place] = refused and (place == last or end_ms[place] - at_ms[place] >= QUIET_MS)
    return begins, rests, end_ms


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def together(
    order: Int64s,
    account: Int32s,
    at_ms: Int64s,
    is_trial: Bools,
    is_target: Bools,
    groups: Int64s,
    group: Int32s,
    degree: Int32s,
    window_ms: int,
) -> tuple[Int32s, Int32s, Int32s]:
    """Trials and targets (places of moments) of two accounts that share a group, target after trial by at most
    `window_ms`, and the group's degree. `order` is by time; the groups of account a are `group[groups[a]:groups[a+1]]`.

    One pass in order of time; each group remembers its moments by a list that runs backwards.
    """
    entries = 0
    for place in order:
        entries += groups[account[place] + 1] - groups[account[place]]
    moment = np.empty(entries, np.int32)
    before = np.empty(entries, np.int32)
    newest = np.full(degree.size, -1, np.int32)
    out = np.empty((3, 1024), np.int32)
    near = np.empty(CROWD, np.int32)
    count = used = 0
    for place in order:
        a = account[place]
        for link in range(groups[a], groups[a + 1]):
            g = group[link]
            if is_target[place]:
                found = 0
                entry = newest[g]
                while entry >= 0 and at_ms[place] - at_ms[moment[entry]] <= window_ms:
                    if account[moment[entry]] != a:
                        if found == CROWD:
                            found = 0
                            break
                        near[found] = moment[entry]
                        found += 1
                    entry = before[entry]
                for index in range(found):
                    if count == out.shape[1]:
                        larger = np.empty((3, 2 * count), np.int32)
                        larger[:, :count] = out
                        out = larger
                    out[0, count], out[1, count], out[2, count] = near[index], place, degree[g]
                    count += 1
            if is_trial[place]:
                moment[used] = place
                before[used] = newest[g]
                newest[g] = used
                used += 1
    return out[0, :count].copy(), out[1, :count].copy(), out[2, :count].copy()


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def chance(at_ms: int, targets: Int64s, everyone: Int64s, before_ms: int, after_ms: int, days: int) -> float:
    """Probability that one of an account's `targets` falls within [-before, after] of `at_ms` by chance, given which
    half hours it was active in: targets are thought moved at random within an hour (interval jitter, Amarasingham et
    al. 2012), or to where else they stand on the clock or on other days; more so where `everyone` comes at once.
    """
    width_ms = before_ms + after_ms
    low = np.searchsorted(targets, at_ms - HALF_MS)
    high = np.searchsorted(targets, at_ms + HALF_MS)
    within = high - low
    if within == 0:
        return 0.0
    others = targets.size - within
    share = width_ms / (2.0 * HALF_MS)
    for cycle_ms in CYCLES_MS:
        alike = -1
        for place in range(targets.size):
            if place < low or place >= high:
                alike += (targets[place] - at_ms + before_ms) % cycle_ms <= width_ms
        if alike > 0:
            share = max(share, alike / others * cycle_ms / (2.0 * HALF_MS))
    same_time = -1
    for place in range(targets.size):
        if place < low or place >= high:
            same_time += (targets[place] - at_ms + before_ms) % DAY_MS <= width_ms
    crowd = np.searchsorted(everyone, at_ms + after_ms + 1) - np.searchsorted(everyone, at_ms - before_ms) - 2
    usual = np.searchsorted(everyone, at_ms + HALF_MS) - np.searchsorted(everyone, at_ms - HALF_MS)
    rush = max(1.0, (crowd + 1.0) / (usual * width_ms / (2.0 * HALF_MS) + 1.0))
    return min(1.0, max(within * share * rush, same_time / days))


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def judge(
    one: Int32s,
    other: Int32s,
    trial_start: Int64s,
    trial_ms: Int64s,
    trial_end_ms: Int64s,
    target_start: Int64s,
    target_ms: Int64s,
    target_end_ms: Int64s,
    everyone: Int64s,
    everyone_end: Int64s,
    before_ms: int,
    after_ms: int,
    ends: bool,
    days: int,
    rates: Float64s,
) -> tuple[Int32s, Int32s, Float64s, Int64s, Int64s]:
    """For each pair, over the trials of `one` with moments of `other` within half an hour: how many were answered, on
    how many days, the log2 likelihood ratio, and the first and last answered trial.

    The likelihood that one hand answers is the mean of those at `rates`; its answers come on top of chance.
    """
    count = np.zeros(one.size, np.int32)
    on_days = np.zeros(one.size, np.int32)
    bits = np.zeros(one.size, np.float64)
    first_ms = np.full(one.size, NEVER, np.int64)
    last_ms = np.zeros(one.size, np.int64)
    ratio = np.empty(rates.size, np.float64)
    for pair in range(one.size):
        targets = target_ms[target_start[other[pair]] : target_start[other[pair] + 1]]
        ending = target_end_ms[target_start[other[pair]] : target_start[other[pair] + 1]]
        ratio[:] = 0.0
        last_day = -1
        for place in range(trial_start[one[pair]], trial_start[one[pair] + 1]):
            at_ms = trial_ms[place]
            q = chance(at_ms, targets, everyone, before_ms, after_ms, days)
            if q == 0.0:
                continue
            first = np.searchsorted(targets, at_ms - before_ms)
            answered = first < targets.size and targets[first] <= at_ms + after_ms
            if ends:
                q *= _share_ending(at_ms, trial_end_ms[place], everyone, everyone_end, before_ms, after_ms)
                answered = answered and -before_ms <= ending[first] - trial_end_ms[place] <= after_ms
            q = min(q, 0.99)
            for index in range(rates.size):
                hit = q + rates[index] * (1.0 - q)
                ratio[index] += np.log2(hit / q) if answered else np.log2((1.0 - hit) / (1.0 - q))
            if answered:
                count[pair] += 1
                on_days[pair] += at_ms // DAY_MS != last_day
                last_day = at_ms // DAY_MS
                first_ms[pair] = min(first_ms[pair], at_ms)
                last_ms[pair] = max(last_ms[pair], at_ms)
        best = ratio.max()
        bits[pair] = best + np.log2(np.mean(np.exp2(ratio - best)))
    return count, on_days, bits, first_ms, last_ms


@nb.njit(cache=True)  # type: ignore[untyped-decorator]
def _share_ending(
    at_ms: int, end_ms: int, everyone: Int64s, everyone_end: Int64s, before_ms: int, after_ms: int
) -> float:
    """Of all quiet times that began within half an hour of this one, itself included, how many end when it does."""
    low = np.searchsorted(everyone, at_ms - HALF_MS)
    high = np.searchsorted(everyone, at_ms + HALF_MS)
    alike = 0
    for place in range(low, high):
        alike += -before_ms <= everyone_end[place] - end_ms <= after_ms
    return alike / (high - low)
