"""Who is listed, what beats what, when it ends, and what the holdout lets through, beside plain oracles."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graphsvc.cases.lists import LIST_NAMES, Entry, ListName, ListStore, Target, Wanted
from graphsvc.errors import NotFound, Unavailable
from graphsvc.events.record import Identifier
from graphsvc.risk.answer import Action
from graphsvc.risk.keys import identifier_keys
from graphsvc.risk.listed import PASSING_TYPES, Hit, Lists, weigh
from graphsvc.risk.policy.verdict import STOPS, Standing, in_holdout, recommend

ACTIONS: tuple[Action, ...] = get_args(Action)
STRICT = {action: place for place, action in enumerate(ACTIONS)}
CARD, PHONE, SUBNET = Identifier("instrument", "t1"), Identifier("phone", "t2"), Identifier("subnet", "192.0.2.0/24")
THINGS = (CARD, PHONE, SUBNET)
NAMES = st.sampled_from(LIST_NAMES)
YEARS = 2**42
"""A moment far ahead: what has expired is not kept in memory."""


@pytest.fixture
def lists(tmp_path: Path) -> Lists:
    made = Lists(ListStore(tmp_path / "cases.sqlite"))
    made.refresh()
    return made


def add(lists: Lists, name: ListName, target: str | Identifier, at_ms: int = 10, until_ms: int | None = None) -> Entry:
    aim = Target(account_id=target) if isinstance(target, str) else Target(identifier=target)
    made = lists.store.add(name, aim, "x", "k", at_ms, until_ms)
    lists.refresh()
    return made


def oracle(own: set[ListName], others: set[ListName], graded: Action, held: bool) -> tuple[Action, bool]:
    """The rules of docs/policy.md, one after the other: action, and whether it was held out."""
    if "block" in own:
        return "deny", False
    if "allow" in own:
        return ("review", False) if "watch" in own else ("allow", False)
    if "block" in others:
        return "deny", False
    watched = "watch" in own or "watch" in others
    if "allow" in others:
        return ("review", False) if watched else ("allow", False)
    if held and graded in ("challenge", "deny"):
        return ("review", True) if watched else ("allow", True)
    return ("review", False) if watched and graded == "allow" else (graded, False)


@given(own=st.sets(NAMES), others=st.sets(NAMES), graded=st.sampled_from(ACTIONS), held=st.booleans())
def test_what_beats_what(own: set[ListName], others: set[ListName], graded: Action, held: bool) -> None:
    listed = weigh([Hit(one, None) for one in own], [Hit(one, "phone") for one in others])
    assert tuple(recommend(graded, listed.standing, held)) == oracle(own, others, graded, held)
    assert {hit.list for hit in listed.hits} <= own | others
    assert bool(listed.hits) == bool(listed.standing.decided or listed.standing.watched)


@given(own=st.sets(NAMES), others=st.sets(NAMES), graded=st.sampled_from(ACTIONS), held=st.booleans())
def test_the_watch_list_never_does_more_than_to_have_somebody_look(
    own: set[ListName], others: set[ListName], graded: Action, held: bool
) -> None:
    def action(own: set[ListName], others: set[ListName]) -> Action:
        standing = weigh([Hit(one, None) for one in own], [Hit(one, "phone") for one in others]).standing
        return recommend(graded, standing, held).action

    without = action(own - {"watch"}, others - {"watch"})
    for more in (action(own | {"watch"}, others), action(own, others | {"watch"})):
        assert more == without or (without, more) == ("allow", "review")


@given(graded=st.sampled_from(ACTIONS), decided=st.sampled_from(["", "allow", "block"]), watched=st.booleans())
def test_the_holdout_lets_through_only_what_would_be_stopped_and_nobody_blocked(
    graded: Action, decided: str, watched: bool
) -> None:
    standing = Standing(decided, watched)  # type: ignore[arg-type]
    held, free = recommend(graded, standing, True), recommend(graded, standing, False)
    assert not free.held_out
    assert held.held_out == (graded in STOPS and decided == "")
    assert held.action == free.action or (held.held_out and STRICT[held.action] < STRICT[free.action])
    assert decided != "block" or held.action == "deny"


ENTRIES = st.lists(
    st.tuples(
        NAMES,
        st.sampled_from(["a", "b", *THINGS]),
        st.integers(1, 20),
        st.one_of(st.none(), st.integers(5, 40)),
        st.one_of(st.none(), st.integers(5, 40)),
    ),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(entries=ENTRIES, at_ms=st.integers(0, 45), carried=st.sets(st.sampled_from(THINGS)), data=st.data())
def test_the_index_in_memory_says_what_reading_every_entry_says(
    tmp_path_factory: pytest.TempPathFactory,
    entries: list[tuple[ListName, str | Identifier, int, int | None, int | None]],
    at_ms: int,
    carried: set[Identifier],
    data: st.DataObject,
) -> None:
    lists = Lists(ListStore(tmp_path_factory.mktemp("lists") / "cases.sqlite"))
    spans: list[tuple[ListName, str | Identifier, int, int]] = []
    for name, target, start, expires, removed in sorted(entries, key=lambda one: one[2]):
        made = add(lists, name, target, YEARS + start, None if expires is None else YEARS + expires)
        end = expires or 100
        spans = [(n, t, s, min(e, start) if (n, t) == (name, target) and s <= start < e else e) for n, t, s, e in spans]
        if removed is not None and start <= removed < end and data.draw(st.booleans()):
            lists.store.remove(name, made.id, "k", YEARS + removed)
            end = removed
        spans.append((name, target, start, end))
    lists.refresh()
    # What was removed is out of memory at once, so that only moments after all changes are comparable.
    latest = max((start for _, _, start, _ in spans), default=0)
    latest = max([latest, *(removed for *_, removed in entries if removed is not None)])
    at_ms += latest
    live = [(name, target) for name, target, start, end in spans if start <= at_ms < end]
    own = {name for name, target in live if target == "a"}
    others = {name for name, target in live if target in carried}
    found = lists.look("a", sorted(carried, key=lambda one: one.id), YEARS + at_ms)
    for graded in ACTIONS:
        assert tuple(recommend(graded, found.standing, True)) == oracle(own, others, graded, True)
    again = Lists(lists.store)
    again.refresh()
    assert again.look("a", sorted(carried, key=lambda one: one.id), YEARS + at_ms) == found
    for name in LIST_NAMES:
        stored = lists.store.find(Wanted(name, counting_at_ms=YEARS + at_ms), 100)
        expected = [target for n, target in live if n == name]
        assert sorted(map(repr, (one.target.account_id or one.target.identifier for one in stored))) == sorted(
            map(repr, expected)
        )


def test_an_entry_counts_up_to_the_moment_of_its_end(lists: Lists) -> None:
    add(lists, "block", "a", YEARS + 10, YEARS + 20)
    assert [lists.look("a", (), YEARS + at_ms).standing.decided for at_ms in (9, 10, 19, 20)] == [
        "",
        "block",
        "block",
        "",
    ]


def test_lasting_identifiers_of_an_account_count_beside_those_at_hand_and_passing_ones_do_not(lists: Lists) -> None:
    seed = 7

    def known() -> tuple[int, list[int]]:
        return seed, identifier_keys([one.type for one in THINGS], [one.id for one in THINGS], seed).tolist()

    assert lists.look("a", (), 50, known).hits == ()
    add(lists, "block", SUBNET)
    add(lists, "allow", PHONE)
    assert lists.look("a", (), 50, known).hits == ()
    add(lists, "watch", CARD)
    assert lists.look("a", (), 50, known).hits == (Hit("watch", "instrument"),)
    entry = add(lists, "block", PHONE)
    assert lists.look("a", (), 50, known).hits == (Hit("block", "phone"),)
    seed = 8
    assert lists.look("a", (), 50, known).hits == (Hit("block", "phone"),)
    lists.store.remove("block", entry.id, "k", 40)
    lists.refresh()
    assert lists.look("a", (), 50, known).hits == (Hit("watch", "instrument"),)
    assert lists.look("a", (PHONE, SUBNET), 50, known).hits == (Hit("block", "subnet"),)
    assert SUBNET.type in PASSING_TYPES


def test_reasons_name_the_list_and_the_type_and_nothing_else(lists: Lists) -> None:
    add(lists, "block", CARD)
    add(lists, "watch", "a")
    told = [(one.code, one.text, one.bits, one.identifier_type) for one in lists.look("a", (), 50).reasons()]
    assert told == [("list_watch", "the account is on the watch list", 0.0, None)]
    (reason,) = lists.look("b", (CARD,), 50).reasons()
    assert (reason.code, reason.text) == ("list_block", "its payment instrument is on the block list")


def test_a_second_process_sees_what_the_first_changed_and_no_more_than_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cases.sqlite"
    one, other = Lists(ListStore(path)), Lists(ListStore(path))
    assert one.stale
    for lists in (one, other):
        lists.refresh()
        assert not lists.stale
    entry = add(one, "block", "a")
    assert other.look("a", (), 50).standing.decided == ""
    other.refresh()
    assert other.look("a", (), 50).standing.decided == "block"
    one.store.remove("block", entry.id, "k", 60)
    other.refresh()
    assert other.look("a", (), 61).hits == ()
    revision, changed = one.store.changed_since(1)
    assert (revision, [one.removed_ms for one in changed]) == (2, [60])
    with pytest.raises(NotFound):
        one.store.remove("block", entry.id, "k", 70)


def test_a_database_that_cannot_be_read_leaves_the_lists_as_they_were(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cases.sqlite"
    lists = Lists(ListStore(path))
    add(lists, "block", "a")
    broken = Lists(ListStore(tmp_path / "none" / "cases.sqlite"))
    with pytest.raises(Unavailable):
        broken.refresh()
    assert broken.stale
    monkeypatch.setattr("graphsvc.cases.database.BUSY_S", 0.01)
    waiting = ListStore(path)
    assert waiting.find(Wanted("block"), 10)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        waiting.add("allow", Target(account_id="a"), "x", "k", 5)
    assert lists.look("a", (), 50).standing.decided == "block"
    other.close()


def test_history_is_kept_as_of_each_moment(lists: Lists) -> None:
    first = add(lists, "allow", "a", 10, 30)
    second = add(lists, "allow", "a", 20, None)
    lists.store.remove("allow", second.id, "m", 50)

    def counting(at_ms: int) -> list[str]:
        return [one.id for one in lists.store.find(Wanted("allow", counting_at_ms=at_ms), 9)]

    assert [counting(at_ms) for at_ms in (9, 10, 19, 20, 49, 50)] == [
        [],
        [first.id],
        [first.id],
        [second.id],
        [second.id],
        [],
    ]
    newest, oldest = lists.store.find(Wanted("allow"), 9)
    assert (oldest.replaced_by, oldest.removed_ms, newest.removed_by) == (second.id, 20, "m")
    assert lists.store.find(Wanted("allow", Target(account_id="b")), 9) == []
    assert lists.store.find(Wanted("allow"), 9, (newest.created_ms, newest.id)) == [oldest]


def test_the_holdout_is_a_stable_keyed_share_and_grows_with_it() -> None:
    accounts = [f"account-{place}" for place in range(20_000)]

    def held(key: bytes, share: float) -> set[str]:
        return {one for one in accounts if in_holdout(key, one, share)}

    one = held(b"k" * 32, 0.05)
    # 1,000 expected of 20,000; four standard deviations of a binomial count are 123.
    assert abs(len(one) - 1_000) < 123
    assert one == held(b"k" * 32, 0.05)
    assert one < held(b"k" * 32, 0.1)
    assert held(b"k" * 32, 0.0) == set()
    both = one & held(b"m" * 32, 0.05)
    assert len(both) < 100
