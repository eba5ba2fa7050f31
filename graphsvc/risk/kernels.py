"""The index's arithmetic over arrays, compiled. No function that looks or counts gives up the interpreter's lock: each
call happens as one, so that a look never sees half of what another thread counts, and nobody waits for a lock.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from numba import njit

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


@njit(cache=True)  # type: ignore[untyped-decorator]
def find(keys: Array, wanted: np.uint64) -> int:
    """The row of a key among sorted ones, or ABSENT. Keys are hashes, so that a straight line says nearly where one
    lies (interpolation search, Perl, Itai and Avni 1978)."""
    low, high = 0, len(keys) - 1
    while low <= high and keys[low] <= wanted <= keys[high]:
        if keys[low] == keys[high]:
            break
        share = np.float64(wanted - keys[low]) / np.float64(keys[high] - keys[low])
        guess = low + int(share * (high - low))
        if keys[guess] == wanted:
            return int(guess)
        if keys[guess] < wanted:
            low = guess + 1
        else:
            high = guess - 1
    return int(low) if low <= high and keys[low] == wanted else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def find_all(keys: Array, wanted: Array) -> Array:
    """The row of each key, int64[n]."""
    rows = np.empty(len(wanted), np.int64)
    for place in range(len(wanted)):
        rows[place] = find(keys, wanted[place])
    return rows


@njit(cache=True)  # type: ignore[untyped-decorator]
def _slot(table: Array, entries: Array, key: np.uint64) -> int:
    """Where a key lies in a table, or the free place where it belongs."""
    mask = np.uint64(len(table) - 1)
    slot = key & mask
    while table[slot] and entries[table[slot] - 1].key != key:
        slot = (slot + np.uint64(1)) & mask
    return int(slot)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _entry(table: Array, entries: Array, key: np.uint64) -> int:
    return int(table[_slot(table, entries, key)]) - 1


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def fill(table: Array, entries: Array, count: int) -> None:
    """Puts the first `count` entries into an empty table that nobody reads yet."""
    for place in range(count):
        table[_slot(table, entries, entries[place].key)] = place + 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _account(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> int:
    """The entry of an account, made where there is none."""
    slot = _slot(over.account_table, over.accounts, key)
    if over.account_table[slot]:
        return int(over.account_table[slot]) - 1
    entry = int(over.sizes[ACCOUNTS])
    one = over.accounts[entry]
    one.key, one.row = key, find(base.account_keys, key)
    one.probability, one.stands, one.banned, one.first, one.last = np.nan, 0, -1, ABSENT, ABSENT
    over.sizes[ACCOUNTS] += 1
    if one.row == ABSENT:
        over.sizes[NEW] += 1
    over.account_table[slot] = entry + 1
    return entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def _identifier(base: BaseArrays, over: OverlayArrays, key: np.uint64, row: int, code: int) -> int:
    """The entry of what came to an identifier, made where there is none."""
    slot = _slot(over.identifier_table, over.identifiers, key)
    if over.identifier_table[slot]:
        return int(over.identifier_table[slot]) - 1
    entry = int(over.sizes[IDENTIFIERS])
    one = over.identifiers[entry]
    one.key, one.row, one.type, one.told, one.count = key, row, code, 0, 0
    one.total, one.highest, one.second, one.bad, one.good = 0.0, 0.0, 0.0, 0.0, 0.0
    one.highest_of, one.second_of = ABSENT, ABSENT
    over.sizes[IDENTIFIERS] += 1
    over.identifier_table[slot] = entry + 1
    return entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def _detected(base: BaseArrays, row: int) -> float:
    """NaN where no detection saw the account."""
    return float(base.accounts[row].probability) if row != ABSENT else np.nan


@njit(cache=True)  # type: ignore[untyped-decorator]
def _base_probability(base: BaseArrays, row: int, stranger: float) -> float:
    detected = _detected(base, row)
    return stranger if np.isnan(detected) else detected


@njit(cache=True)  # type: ignore[untyped-decorator]
def _probability(base: BaseArrays, over: OverlayArrays, entry: int, stranger: float) -> float:
    known = over.accounts[entry].probability
    return _base_probability(base, over.accounts[entry].row, stranger) if np.isnan(known) else float(known)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _standing(base: BaseArrays, over: OverlayArrays, entry: int, row: int) -> tuple[float, float]:
    if entry != ABSENT and over.accounts[entry].stands:
        return over.accounts[entry].bad, over.accounts[entry].good
    if row == ABSENT:
        return 0.0, 0.0
    return np.float64(base.accounts[row].bad), np.float64(base.accounts[row].good)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _rise(one: Any, entry: int, old: float, probability: float) -> None:
    """The probability of an account that came is higher now; since it never falls, two are enough to know the highest
    without any one account."""
    one.total += probability - old
    if entry == one.highest_of:
        one.highest = probability
    elif probability > one.highest:
        one.second, one.second_of = one.highest, one.highest_of
        one.highest, one.highest_of = probability, entry
    elif entry == one.second_of or probability > one.second:
        one.second, one.second_of = probability, entry


@njit(cache=True)  # type: ignore[untyped-decorator]
def _name(base: BaseArrays, over: OverlayArrays, name: np.uint64, row: int) -> tuple[bool, np.uint64, int]:
    """Whether a conversation is known by this name, and its key and row."""
    if row == ABSENT:
        place = find(base.names, name)
        row = int(base.named[place]) if place != ABSENT else ABSENT
    if row != ABSENT:
        return True, base.identifier_keys[row], row
    entry = _entry(over.name_table, over.names, name)
    if entry == ABSENT:
        return False, name, ABSENT
    key = over.names[entry].stands_for
    return True, key, find(base.identifier_keys, key)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _unite(
    base: BaseArrays, over: OverlayArrays, conversation: int, keys: Array, codes: Array, rows: Array, learn: bool
) -> None:
    """Gives all names of a record's conversation the key and row of that under which one of them is known; else those
    of the first. With `learn` the names stand for it from now on."""
    known, key, row = False, np.uint64(0), ABSENT
    first = ABSENT
    for place in range(len(keys)):
        if codes[place] == conversation and not known:
            if first == ABSENT:
                first = place
            known, key, row = _name(base, over, keys[place], rows[place])
    if first == ABSENT:
        return
    if not known:
        key, row = keys[first], ABSENT
    for place in range(len(keys)):
        if codes[place] == conversation:
            slot = _slot(over.name_table, over.names, keys[place])
            if learn and not over.name_table[slot]:
                entry = over.sizes[NAMES]
                over.names[entry].key, over.names[entry].stands_for = keys[place], key
                over.sizes[NAMES] += 1
                over.name_table[slot] = entry + 1
            keys[place], rows[place] = key, row


@njit(cache=True)  # type: ignore[untyped-decorator]
def _own(base: BaseArrays, row: int) -> Array:
    """Rows of the identifiers of an account of the base, ascending."""
    if row == ABSENT:
        return base.links[:0]
    return base.links[base.accounts[row].start : base.accounts[row + 1].start]


@njit(cache=True)  # type: ignore[untyped-decorator]
def _among(own: Array, row: int) -> bool:
    if row == ABSENT:
        return False
    place = np.searchsorted(own, row)
    return bool(place < len(own) and own[place] == row)


@njit(cache=True)  # type: ignore[untyped-decorator]
def _linked(over: OverlayArrays, entry: int, key: np.uint64) -> bool:
    link = over.accounts[entry].first
    while link != ABSENT:
        if over.identifiers[over.links[link].identifier].key == key:
            return True
        link = over.links[link].next
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _has_org(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, org: int, key: np.uint64) -> bool:
    """Whether an account has the organisation of this key."""
    for row in own:
        if base.identifiers[row].type == org and base.identifier_keys[row] == key:
            return True
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        if over.links[link].type == org and over.identifiers[over.links[link].identifier].key == key:
            return True
        link = over.links[link].next
    return False


@njit(cache=True)  # type: ignore[untyped-decorator]
def _least_org(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, org: int) -> np.uint64:
    """The least key of an organisation of the account, or 0."""
    least = np.uint64(0)
    for row in own:
        key = base.identifier_keys[row]
        if base.identifiers[row].type == org and (least == 0 or key < least):
            least = key
    link = over.accounts[entry].first
    while link != ABSENT:
        key = over.identifiers[over.links[link].identifier].key
        if over.links[link].type == org and (least == 0 or key < least):
            least = key
        link = over.links[link].next
    return least


@njit(cache=True)  # type: ignore[untyped-decorator]
def _converse(base: BaseArrays, over: OverlayArrays, own: Array, entry: int, one: Any, org: int) -> None:
    """An account goes on with a conversation that it did not have: what all its accounts have in common now."""
    fresh = one.row == ABSENT and not one.told
    before = one.org if one.told else base.orgs[one.row] if one.row != ABSENT else np.uint64(0)
    if before != 0 and _has_org(base, over, own, entry, org, before):
        one.org = before
    else:
        one.org = _least_org(base, over, own, entry, org) if fresh else np.uint64(0)
    one.told = 1


@njit(cache=True)  # type: ignore[untyped-decorator]
def _link(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, entry: int, keys: Array, codes: Array, rows: Array,
    stranger: float,
) -> bool:  # fmt: skip
    """Links the account to those identifiers that it had not; whether there was one."""
    account = over.accounts[entry]
    own = _own(base, account.row)
    begin = over.sizes[LINKS]
    for place in range(len(keys)):
        if _among(own, rows[place]) or _linked(over, entry, keys[place]):
            continue
        identifier = _identifier(base, over, keys[place], rows[place], codes[place])
        link = over.sizes[LINKS]
        over.links[link].identifier, over.links[link].next, over.links[link].type = identifier, ABSENT, codes[place]
        if account.last == ABSENT:
            account.first = link
        else:
            over.links[account.last].next = link
        account.last = link
        over.sizes[LINKS] += 1
    if over.sizes[LINKS] == begin:
        return False
    probability = _probability(base, over, entry, stranger)
    bad, good = _standing(base, over, entry, account.row)
    for link in range(begin, over.sizes[LINKS]):
        one = over.identifiers[over.links[link].identifier]
        if over.links[link].type == types.special[0]:
            _converse(base, over, own, entry, one, types.special[2])
        one.count += 1
        _rise(one, entry, 0.0, probability)
        one.bad += bad
        one.good += good
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def apply(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, accounts: Array, starts: Array,
    keys: Array, codes: Array, actions: Array, occurred_ms: Array, done: Array,
) -> None:  # fmt: skip
    """Counts records: identifiers of record r are `starts[r]` to `starts[r + 1]` of `keys` (changed here) and `codes`.
    Fills `done` uint8[R]: 1 where the account gained links, 2 where it is new, 4 where its enforcement changed."""
    for record in range(len(accounts)):
        part = slice(starts[record], starts[record + 1])
        mine, code = keys[part], codes[part]
        rows = find_all(base.identifier_keys, mine)
        _unite(base, over, types.special[0], mine, code, rows, True)
        before = over.sizes[NEW]
        entry = _account(base, over, accounts[record])
        done[record] = 2 if over.sizes[NEW] > before else 0
        if _link(base, over, types, entry, mine, code, rows, stranger):
            done[record] |= 1
        if actions[record]:
            one, banned = over.accounts[entry], 1 if actions[record] == BAN else 0
            # The last to occur counts, not the last to arrive; of two at one moment the ban, as in the link tables.
            later = occurred_ms[record] > one.occurred_ms or (
                occurred_ms[record] == one.occurred_ms and banned > one.banned
            )
            if one.banned == -1 or later:
                one.occurred_ms, one.banned = occurred_ms[record], banned
            done[record] |= 4


@njit(cache=True)  # type: ignore[untyped-decorator]
def links_of(base: BaseArrays, key: np.uint64) -> int:
    """How many identifiers an account has in the base, or ABSENT where it is not there."""
    row = find(base.account_keys, key)
    return len(_own(base, row)) if row != ABSENT else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def held(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> Array:
    """Keys of all identifiers of an account, uint64[n]."""
    own = _own(base, find(base.account_keys, key))
    entry = _entry(over.account_table, over.accounts, key)
    keys = [base.identifier_keys[row] for row in own]
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        keys.append(over.identifiers[over.links[link].identifier].key)
        link = over.links[link].next
    return np.array(keys, np.uint64)


@njit(cache=True)  # type: ignore[untyped-decorator]
def banned(base: BaseArrays, over: OverlayArrays, key: np.uint64) -> int:
    """Whether an account is banned by now, or ABSENT where it was never seen."""
    entry = _entry(over.account_table, over.accounts, key)
    if entry != ABSENT and over.accounts[entry].banned != -1:
        return int(over.accounts[entry].banned)
    row = find(base.account_keys, key)
    if row != ABSENT:
        return int(base.accounts[row].banned)
    return 0 if entry != ABSENT else ABSENT


@njit(cache=True)  # type: ignore[untyped-decorator]
def stand(base: BaseArrays, over: OverlayArrays, key: np.uint64, bad: float, good: float) -> None:
    """Takes a changed label or ban of a known account over into its standing, and to its identifiers."""
    entry = _account(base, over, key)
    account = over.accounts[entry]
    old_bad, old_good = _standing(base, over, entry, account.row)
    account.bad, account.good, account.stands = bad, good, 1
    if bad == old_bad and good == old_good:
        return
    for row in _own(base, account.row):
        place = _identifier(base, over, base.identifier_keys[row], row, base.identifiers[row].type)
        over.identifiers[place].bad += bad - old_bad
        over.identifiers[place].good += good - old_good
    link = account.first
    while link != ABSENT:
        one = over.identifiers[over.links[link].identifier]
        one.bad += bad - old_bad
        one.good += good - old_good
        link = over.links[link].next


@njit(cache=True)  # type: ignore[untyped-decorator]
def raise_to(base: BaseArrays, over: OverlayArrays, stranger: float, key: np.uint64, probability: float) -> None:
    """Others are judged by the worst that was said of an account since the base, as far as it is believed. The account
    has an entry or is in the base; else nothing happens."""
    entry, row = _entry(over.account_table, over.accounts, key), find(base.account_keys, key)
    known = stranger if row == ABSENT else _base_probability(base, row, stranger)
    probability = known + BELIEVED * (probability - known)
    if entry == ABSENT:
        if row == ABSENT or probability <= known:
            return
        entry = _account(base, over, key)
    account = over.accounts[entry]
    old = _probability(base, over, entry, stranger)
    if probability <= old:
        return
    account.probability = probability
    link = account.first
    while link != ABSENT:
        _rise(over.identifiers[over.links[link].identifier], entry, old, probability)
        link = over.links[link].next


@njit(cache=True)  # type: ignore[untyped-decorator]
def _shared(out: Any, code: int, others: float, sums: Array, cluster: int, population: int, prior: Array) -> bool:
    """Writes what an identifier is worth to an account; whether others have it at all. Bits as in
    graphsvc.links.weights.bits_of."""
    if others <= 0:
        return False
    degree = others + 1.0
    share = min(degree / HUB_CUT, 1.0)
    rarity = max(np.log2(population / degree), 0.0)
    out.others = np.int64(others)
    out.bits = np.float32(rarity * prior[code] * np.float32(1.0 - share * share))
    out.mean = np.float32(min(max(sums[TOTAL] / others, 0.0), 1.0))
    out.highest = np.float32(sums[HIGHEST])
    out.abusive, out.benign = np.int64(np.rint(sums[BAD])), np.int64(np.rint(sums[GOOD]))
    out.cluster, out.type = cluster, code
    return True


@njit(cache=True)  # type: ignore[untyped-decorator]
def _add(sums: Array, one: Any, entry: int, joined: bool, probability: float, bad: float, good: float) -> float:
    """Adds what came to an identifier, without the account itself: its standing `bad` and `good`, and its probability
    where it is among those that came. Returns how many others came."""
    sums[TOTAL] += one.total - (probability if joined else 0.0)
    sums[BAD] += one.bad - bad
    sums[GOOD] += one.good - good
    came = one.second if joined and entry == one.highest_of else one.highest
    sums[HIGHEST] = max(sums[HIGHEST], came)
    return float(one.count - (1 if joined else 0))


@njit(cache=True)  # type: ignore[untyped-decorator]
def _type_of(code: int, special: Array, one_org: np.uint64, told: bool, has: bool) -> int:
    """The type that a conversation is to an account, which `has` the organisation that all of its accounts have."""
    conversation, in_org = special[0], special[1]
    if code != conversation and (code != in_org or not told):
        return code
    return int(in_org if one_org != 0 and has else conversation)


class Found(NamedTuple):
    """What a look finds: `row` in the base or ABSENT, whether the account was `seen`, its standing, and what it
    shares, by the base and now; `changed` False where nothing came, and both are the same."""

    row: int
    seen: bool
    bad: float
    good: float
    changed: bool
    then: Array
    now: Array


@njit(cache=True)  # type: ignore[untyped-decorator]
def _is_org(given: Array, codes: Array, org: int, key: np.uint64) -> bool:
    found = False
    for place in range(len(given)):
        found |= bool(codes[place] == org and given[place] == key)
    return found


@njit(cache=True)  # type: ignore[untyped-decorator]
def look(
    base: BaseArrays, over: OverlayArrays, types: TypeArrays, stranger: float, key: np.uint64, keys: Array,
    codes: Array,
) -> Any:  # fmt: skip
    """The account of this key with its identifiers and, besides, those given (`keys`, changed here, and `codes`)."""
    special, prior = types.special, types.prior
    rows = find_all(base.identifier_keys, keys)
    _unite(base, over, special[0], keys, codes, rows, False)
    row = find(base.account_keys, key)
    entry = _entry(over.account_table, over.accounts, key)
    own = _own(base, row)
    count = len(base.account_keys)
    many = len(own) + len(keys)
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        many += 1
        link = over.links[link].next
    # All that the account has: first its own of the base, then its links since, then what was given besides.
    every_key, every_row = np.empty(many, np.uint64), np.empty(many, np.int64)
    every_code, every_entry = np.empty(many, np.int64), np.empty(many, np.int64)
    joined = np.zeros(many, np.bool_)
    size = 0
    for one_row in own:
        every_key[size], every_row[size] = base.identifier_keys[one_row], one_row
        every_code[size] = base.identifiers[one_row].type
        size += 1
    link = over.accounts[entry].first if entry != ABSENT else ABSENT
    while link != ABSENT:
        one = over.identifiers[over.links[link].identifier]
        every_key[size], every_row[size], every_code[size] = one.key, one.row, over.links[link].type
        joined[size] = True
        size += 1
        link = over.links[link].next
    linked = size
    for place in range(len(keys)):
        if _among(own, rows[place]):
            continue
        again = False
        for known in range(len(own), size):
            again |= every_key[known] == keys[place]
        if not again:
            every_key[size], every_row[size], every_code[size] = keys[place], rows[place], codes[place]
            size += 1
    arrived = False
    for place in range(size):
        every_entry[place] = _entry(over.identifier_table, over.identifiers, every_key[place])
        arrived |= every_entry[place] != ABSENT
    changed = arrived or size > len(own)
    detected = _detected(base, row)
    bad, good = _standing(base, over, entry, row)
    base_bad, base_good = _standing(base, over, ABSENT, row)
    mine = np.float32(_base_probability(base, row, stranger))
    probability = _probability(base, over, entry, stranger) if linked > len(own) else 0.0
    # Told to an account that no detection saw, "then" is nothing: it is judged by what is now alone.
    telling = not changed or not np.isnan(detected)
    then, now = np.empty(len(own) if telling else 0, SHARED), np.empty(size if changed else 0, SHARED)
    thens, nows = 0, 0
    sums = np.zeros(5, np.float64)
    for place in range(size):
        one_row = every_row[place]
        others, cluster = 0.0, ABSENT
        sums[:] = 0.0
        if one_row != ABSENT:
            tally = base.identifiers[one_row]
            others, cluster = np.float64(tally.degree), tally.cluster
            for column in range(5):
                sums[column] = tally.sums[column]
        if place < len(own):
            others -= 1
            sums[TOTAL] -= mine
            sums[BAD] -= base_bad
            sums[GOOD] -= base_good
            if sums[HIGHEST] == mine:
                sums[HIGHEST] = sums[SECOND]
            if telling and _shared(
                then[thens], every_code[place], others, sums, cluster, max(count, POPULATION_MIN), prior
            ):
                thens += 1
        if not changed:
            continue
        told, org = False, base.orgs[one_row] if one_row != ABSENT else np.uint64(0)
        if every_entry[place] != ABSENT:
            one = over.identifiers[every_entry[place]]
            if place < len(own):
                others += _add(sums, one, entry, False, 0.0, bad - base_bad, good - base_good)
            elif joined[place]:
                others += _add(sums, one, entry, True, probability, bad, good)
            else:
                others += _add(sums, one, entry, False, 0.0, 0.0, 0.0)
            if one.told:
                told, org = True, one.org
        code = every_code[place]
        if code == special[0] or code == special[1]:
            has = org != 0 and _is_org(every_key[:size], every_code[:size], special[2], org)
            code = _type_of(code, special, org, told, has)
        if _shared(now[nows], code, others, sums, cluster, max(count + over.sizes[NEW], POPULATION_MIN), prior):
            nows += 1
    return Found(row, row != ABSENT or entry != ABSENT, bad, good, changed, then[:thens], now[:nows])
