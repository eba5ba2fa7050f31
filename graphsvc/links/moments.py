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
HALF_MS = 900_000
"""The null moves a moment by at most so much: less than a lesson or a shift lasts."""
CYCLES_MS = (60_000, 300_000, 600_000, 900_000, 1_800_000, 3_600_000)
"""Clocks that programs are started by."""
DAY_MS = 86_400_000
LATE_MS = 10_000
SPARSE = 8
"""Where there are so many targets for each trial, a binary search is quicker than going through them."""
CLOCKED = 0.1
"""Where chance, a schedule or a rush makes an answer as likely as this, it says nothing."""
CROWD = 64
"""Of more targets than these within one window, no pairs are made."""
MINUTE_MS = 60_000
STIR, STIRRED = 4, 4
"""So many holders of one thing that begin within a minute, and so many times as many as usual in that half hour: a
lesson, an outage or a message moves them, and not one hand that hands over."""

Bools = npt.NDArray[np.bool_]
Float64s = npt.NDArray[np.float64]
Int32s = npt.NDArray[np.int32]
Int64s = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Moments:
    """Those of account a are `at_ms[start[a]:start[a+1]]`, ascending; `end_ms` is when a quiet time ends, or NEVER.
    `account`, `by_time_ms` and `end_by_time_ms` are of all, in order of time."""

    start: Int64s
    at_ms: Int64s
    end_ms: Int64s
    account: Int32s
    by_time_ms: Int64s
    end_by_time_ms: Int64s

    @staticmethod
    def of(start: Int64s, at_ms: Int64s, end_ms: Int64s) -> Moments:
        account = np.repeat(np.arange(len(start) - 1, dtype=np.int32), np.diff(start))
        order = np.argsort(at_ms, kind="stable")
        return Moments(start, at_ms, end_ms, account[order], at_ms[order], end_ms[order])

    def picked(self, kept: Bools) -> Moments:
        """Those kept."""
        return _picked(self.start, self.at_ms, self.end_ms, kept)

    def often(self, least: int) -> Moments:
        """Those of accounts that have so many."""
        return self.picked(np.repeat(np.diff(self.start) >= least, np.diff(self.start)))

    def ended(self) -> Moments:
        """Those after which the account came back."""
        return self.picked(self.end_ms != NEVER)


def moments_of(
    account: Int32s, occurred_ms: Int64s, status: npt.NDArray[np.int16], accounts: int
) -> tuple[Moments, Moments]:
    """Starts and rests, from requests and bans (status 403) sorted by account and time.

    A start is a request with none before it for QUIET_MS; a rest is a refused request with none after it for so long.
    """
    start = np.searchsorted(account, np.arange(accounts + 1)).astype(np.int64)
    begins, rests, end_ms = _moments(start, occurred_ms, status)
    return _picked(start, occurred_ms, end_ms, begins), _picked(start, occurred_ms, end_ms, rests)


def _picked(start: Int64s, at_ms: Int64s, end_ms: Int64s, kept: Bools) -> Moments:
    before = np.concatenate([[0], np.cumsum(kept)]).astype(np.int64)
    return Moments.of(before[start], at_ms[kept], end_ms[kept])


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def by_thing(
    start: Int64s, thing: Int32s, things: int, account: Int32s, by_time_ms: Int64s
) -> tuple[Int64s, Int32s, Int64s]:
    """Moments, given in order of time, once for each thing that their account a has, `thing[start[a]:start[a+1]]`:
    where each thing's begin, their accounts and their times, in order of things and, for each, of time."""
    begin = np.zeros(things + 1, np.int64)
    for a in account:
        for link in range(start[a], start[a + 1]):
            begin[thing[link] + 1] += 1
    begin = np.cumsum(begin)
    following = begin[:-1].copy()
    out_account = np.empty(begin[-1], np.int32)
    out_ms = np.empty(begin[-1], np.int64)
    for place in range(account.size):
        a = account[place]
        for link in range(start[a], start[a + 1]):
            at = following[thing[link]]
            out_account[at], out_ms[at] = a, by_time_ms[place]
            following[thing[link]] = at + 1
    return begin, out_account, out_ms


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def together(
    trial_begin: Int64s,
    trial: Int32s,
    trial_ms: Int64s,
    target_begin: Int64s,
    target: Int32s,
    target_ms: Int64s,
    degree: Int32s,
    by_ms: int,
    window_ms: int,
) -> tuple[Int32s, Int32s, Int32s]:
    """Accounts of trials, moved by `by_ms`, and of targets that come at most `window_ms` later, of two accounts that
    share a thing, and its degree; once for each thing. Both as `by_thing` gives them."""
    out = np.empty((3, 1024), np.int32)
    count = 0
    for thing in range(degree.size):
        low, end = target_begin[thing], target_begin[thing + 1]
        sparse = SPARSE * (trial_begin[thing + 1] - trial_begin[thing]) < end - low
        for index in range(trial_begin[thing], trial_begin[thing + 1]):
            at_ms = trial_ms[index] + by_ms
            if sparse:
                low += np.searchsorted(target_ms[low:end], at_ms)
            while low < end and target_ms[low] < at_ms:
                low += 1
            high = low
            while high < end and target_ms[high] <= at_ms + window_ms:
                high += 1
            if high - low > CROWD:
                continue
            for place in range(low, high):
                if trial[index] == target[place]:
                    continue
                if count == out.shape[1]:
                    larger = np.empty((3, 2 * count), np.int32)
                    larger[:, :count] = out
                    out = larger
                out[0, count], out[1, count], out[2, count] = trial[index], target[place], degree[thing]
                count += 1
    return out[0, :count].copy(), out[1, :count].copy(), out[2, :count].copy()


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def chance(at_ms: int, targets: Int64s, everyone: Int64s, before_ms: int, after_ms: int, days: int) -> float:
    """Probability that one of an account's `targets` falls within [-before, after] of `at_ms` by chance, given which
    half hours it was active in: targets are thought moved at random within one (interval jitter, Amarasingham et
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
        alike = _alike(at_ms, targets, low, high, cycle_ms, before_ms, width_ms)
        if alike > 1:
            share = max(share, (alike - 1) / others * cycle_ms / (2.0 * HALF_MS))
    same_time = (_alike(at_ms, targets, low, high, DAY_MS, before_ms, width_ms) - 1) / days
    crowd = np.searchsorted(everyone, at_ms + after_ms + 1) - np.searchsorted(everyone, at_ms - before_ms) - 2
    usual = np.searchsorted(everyone, at_ms + HALF_MS) - np.searchsorted(everyone, at_ms - HALF_MS)
    rush = max(1.0, (crowd + 1.0) / (usual * width_ms / (2.0 * HALF_MS) + 1.0))
    return float(min(1.0, max(within * share * rush, same_time)))


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _alike(at_ms: int, targets: Int64s, low: int, high: int, cycle_ms: int, before_ms: int, width_ms: int) -> int:
    """How many targets, those from `low` to `high` left out, stand where `at_ms` does in a cycle: a schedule starts
    what it starts some seconds late."""
    slack_ms = min(LATE_MS, cycle_ms // 60)
    count = 0
    for place in range(targets.size):
        if place < low or place >= high:
            count += (targets[place] - at_ms + before_ms + slack_ms) % cycle_ms <= width_ms + 2 * slack_ms
    return count


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
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
    by_ms: int,
    thing_start: Int64s,
    thing: Int32s,
    begin: Int64s,
    thing_ms: Int64s,
) -> tuple[Int32s, Int32s, Float64s, Int64s, Int64s]:
    """For each pair, over the trials of `one`, moved by `by_ms`, with moments of `other` within HALF_MS: how many were
    answered, on how many days, the log2 likelihood ratio, and the first and last answered trial.

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
            at_ms = trial_ms[place] + by_ms
            end_ms = trial_end_ms[place] + by_ms
            q = chance(at_ms, targets, everyone, before_ms, after_ms, days)
            if q == 0.0:
                continue
            if q >= CLOCKED or _stirred(trial_ms[place], thing_start, thing, begin, thing_ms, one[pair]):
                continue
            first = np.searchsorted(targets, at_ms - before_ms)
            answered = first < targets.size and targets[first] <= at_ms + after_ms
            if ends:
                q *= _share_ending(at_ms, end_ms, everyone, everyone_end, before_ms, after_ms)
                answered = answered and -before_ms <= ending[first] - end_ms <= after_ms
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


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _stirred(at_ms: int, start: Int64s, thing: Int32s, begin: Int64s, thing_ms: Int64s, account: int) -> bool:
    """Whether many that share one of the account's things begin about then; `thing_ms` as `by_thing` gives them."""
    for link in range(start[account], start[account + 1]):
        times = thing_ms[begin[thing[link]] : begin[thing[link] + 1]]
        now = np.searchsorted(times, at_ms + MINUTE_MS) - np.searchsorted(times, at_ms - MINUTE_MS)
        if now > STIR:
            usual = np.searchsorted(times, at_ms + HALF_MS) - np.searchsorted(times, at_ms - HALF_MS)
            if now > STIR + STIRRED * (usual - now) * MINUTE_MS / HALF_MS:
                return True
    return False


@nb.njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _share_ending(
    at_ms: int, end_ms: int, everyone: Int64s, everyone_end: Int64s, before_ms: int, after_ms: int
) -> float:
    """Of all quiet times that began within HALF_MS of this one, itself included, how many end when it does."""
    low = np.searchsorted(everyone, at_ms - HALF_MS)
    high = np.searchsorted(everyone, at_ms + HALF_MS)
    alike = 0
    for place in range(low, high):
        alike += -before_ms <= everyone_end[place] - end_ms <= after_ms
    return alike / (high - low)
