"""The index against a slow plain count of the same records, whatever part of them is in its base."""

from __future__ import annotations

import random
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from gnn.groups import group_index
from graphsvc.events.record import Identifier, LabelRecord, Record
from graphsvc.links.weights import bits_of
from graphsvc.risk.base import Detected, base_of, empty_base
from graphsvc.risk.index import Index, Look
from graphsvc.risk.kernels import BELIEVED
from graphsvc.risk.keys import account_column_keys, account_key, identifier_column_keys, identifier_keys
from graphsvc.risk.labels import LabelBook
from tests.links.worlds import START_MS, event, view

STRANGER = 0.125
ACCOUNTS = [f"a{place}" for place in range(12)]
RAISED = {"a1": 0.7, "a2": 0.9, "a9": 0.95, "a10": 0.3, "a11": 0.01}
IDS = [("ip", "1"), ("ip", "2"), ("device", "1"), ("instrument", "1"), ("wallet", "1"), ("org", "1")]


def index_of(
    folder: Path, records: list[Record], known: int, labels: list[LabelRecord], probability: dict[str, float]
) -> Index:
    """The first `known` records in the base, the others and the labels' second half afterwards."""
    book, half = LabelBook(), len(labels) // 2
    book.add(labels[:half])
    ids = sorted({record.account_id for record in records[:known]} & set(probability))
    scores = np.array([probability[one] for one in ids], np.float32)
    detected = Detected(START_MS, pa.array(ids, pa.string()), scores, np.full(len(ids), -1, np.int32), ())
    base = base_of(view(folder, records[:known]), known, detected, book, STRANGER) if known else empty_base(STRANGER)
    index = Index(base, book, half)
    for record in records[known:]:
        index.apply([record])
        index.raise_probability(account_key(record.account_id), RAISED.get(record.account_id, 0.0) / 2)
    index.apply(records[known // 2 :])
    index.apply_labels(labels[half:])
    for account, chance in RAISED.items():
        index.raise_probability(account_key(account), chance)
    return index


def expected(
    account: str, records: list[Record], labels: list[LabelRecord], probability: dict[str, float], known: int
) -> dict[Identifier, tuple[float, ...]]:
    """Others, mean and highest probability, confirmed abusive and benign, by going through all. On links that the base
    has an account has the probability of the base."""
    base = {record.account_id for record in records[:known]}
    linked = {(record.account_id, one) for record in records[:known] for one in record.identifiers}
    holders: dict[Identifier, set[str]] = {}
    for record in records:
        for one in record.identifiers:
            holders.setdefault(one, set()).add(record.account_id)
    decided = {label.account_id: label.verdict for label in labels}
    banned = {record.account_id for record in records if record.action == "banned"}

    def chance(other: str, one: Identifier) -> float:
        detected = probability.get(other, STRANGER) if other in base else STRANGER
        raised = detected + BELIEVED * (RAISED.get(other, 0.0) - detected)
        return detected if (other, one) in linked else max(detected, raised)

    out: dict[Identifier, tuple[float, ...]] = {}
    for one, accounts in holders.items():
        others = accounts - {account}
        if account in accounts and others:
            chances = [chance(other, one) for other in others]
            bad = sum(decided.get(other) == "abusive" or (other in banned and other not in decided) for other in others)
            good = sum(decided.get(other) == "benign" for other in others)
            out[one] = (len(others), float(np.mean(chances)), max(chances), bad, good)
    return out


def found(look: Look) -> list[tuple[float, ...]]:
    rows = look.now.rows
    columns = (rows.others, rows.mean_probability, rows.max_probability, rows.confirmed_abusive, rows.confirmed_benign)
    return in_order(zip(look.now.types, *(column.tolist() for column in columns), strict=True))


def in_order(rows: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """By what is counted, then by means, which are rounded in one and not in the other."""
    return sorted(rows, key=lambda row: (row[0], row[1], *row[4:], round(row[2], 4), row[3]))


@given(seed=st.integers(0, 10_000), known=st.integers(0, 40))
@hypothesis_settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_looks_are_what_a_plain_count_says(tmp_path_factory: pytest.TempPathFactory, seed: int, known: int) -> None:
    rng = random.Random(seed)
    records = [
        event(f"e{place}", rng.choice(ACCOUNTS), START_MS + place, rng.sample(IDS, k=rng.randrange(4)))
        for place in range(40)
    ]
    records += [event("ban", rng.choice(ACCOUNTS), START_MS + 99, kind="enforcement", action="banned")]
    chosen = rng.sample(ACCOUNTS, k=5)
    labels = [
        LabelRecord(one, rng.choice(["abusive", "benign"]), START_MS + place, "review")
        for place, one in enumerate(chosen)
    ]
    probability = {one: rng.random() for one in ACCOUNTS[:8]}
    index = index_of(tmp_path_factory.mktemp("w") / "x", records, known, labels, probability)
    for account in {record.account_id for record in records}:
        plain = expected(account, records, labels, probability, known)
        want = in_order((one.type, *values) for one, values in plain.items())
        got = found(index.look(account_key(account)))
        assert [(row[0], row[1], *row[4:]) for row in got] == [(row[0], row[1], *row[4:]) for row in want]
        for one, other in zip(got, want, strict=True):
            assert one[2:4] == pytest.approx(other[2:4], abs=1e-5)


@given(seed=st.integers(0, 10_000))
@hypothesis_settings(max_examples=25, deadline=None)
def test_a_record_that_was_answered_counts_as_any_other(seed: int) -> None:
    rng = random.Random(seed)
    shares = [*IDS, ("conversation", "1"), ("conversation", "2")]
    records = [
        event(f"e{place}", rng.choice(ACCOUNTS), START_MS + place, rng.sample(shares, k=rng.randrange(5)))
        for place in range(40)
    ]
    actions = [rng.choice(["banned", "reinstated"]) for _ in range(3)]
    bans = [
        event(f"b{place}", rng.choice(ACCOUNTS), START_MS + place, kind="enforcement", action=action)
        for place, action in enumerate(actions)
    ]
    records = rng.sample([*records, *bans], k=43)
    labels = [LabelRecord(rng.choice(ACCOUNTS), "benign", START_MS, "review")]
    one, other = (Index(empty_base(STRANGER), LabelBook(), 0) for _ in range(2))
    for index in (one, other):
        index.apply_labels(labels)
    for record in records:
        chance = rng.random()
        for account in one.apply([record]):
            one.raise_probability(account, chance)
        keyed = other.keyed(record.account_id, record.identifiers)
        before = other.look_at(keyed)
        assert found(before) == found(other.look(account_key(record.account_id), record.identifiers))
        other.apply_answered(record, keyed, chance)
    for name in ACCOUNTS:
        told, same = one.look(account_key(name)), other.look(account_key(name))
        assert (told.seen, told.standing, found(told)) == (same.seen, same.standing, found(same))


def test_bits_are_those_of_the_link_tables(tmp_path: Path) -> None:
    records = [
        event(f"e{place}", ACCOUNTS[place % 12], START_MS, [IDS[place % 5], IDS[(place * 7) % 6]])
        for place in range(60)
    ]
    seen = view(tmp_path / "w", records)
    index = Index(base_of(seen, 60, None, LabelBook(), STRANGER), LabelBook(), 0)
    bits = dict(
        zip(
            zip(seen.identifiers["type"].to_pylist(), seen.identifiers["degree"].to_pylist(), strict=True),
            seen.identifiers["bits"].to_pylist(),
            strict=True,
        )
    )
    for account in ACCOUNTS:
        rows = index.look(account_key(account)).now
        for name, others, worth, group in zip(
            rows.types, rows.rows.others.tolist(), rows.rows.bits.tolist(), rows.rows.group.tolist(), strict=True
        ):
            assert worth == pytest.approx(bits[name, others + 1], rel=1e-5)
            assert group == group_index(name)
    degree = np.array([2, 50, 300], np.int32)
    assert bits_of(pa.chunked_array([["ip"] * 3]), degree, 10)[2] < 0.2


def test_an_account_is_not_its_own_neighbour(tmp_path: Path) -> None:
    records = [event("e1", "a", START_MS, [("ip", "1")]), event("e2", "b", START_MS, [("ip", "1")])]
    index = Index(empty_base(STRANGER), LabelBook(), 0)
    index.apply(records)
    index.raise_probability(account_key("a"), 0.9)
    assert index.look(account_key("a")).now.rows.max_probability.tolist() == [STRANGER]
    believed = np.float32(STRANGER + BELIEVED * (0.9 - STRANGER))
    assert index.look(account_key("b")).now.rows.max_probability.tolist() == [believed]
    assert index.look(account_key("c"), [Identifier("ip", "1")]).now.rows.others.tolist() == [2]
    assert not index.look(account_key("c")).seen


def test_keys_of_columns_are_keys_of_texts() -> None:
    texts = ["", "a", "ä" * 40, "same", "same"]
    column = pa.chunked_array([["dropped", *texts[:2]], [], texts[2:]]).slice(1)
    assert account_column_keys(column).tolist() == [account_key(text) for text in texts]
    code = np.array([0, 1, 0, 0, 1], np.int16)
    names = [("ip", "org")[place] for place in code]
    keys = identifier_keys(names, texts)
    assert identifier_column_keys(code, ("ip", "org"), column).tolist() == keys.tolist()
    assert len(set(keys.tolist())) == 5


def test_the_label_that_prevails_is_the_surest_and_of_equals_the_last() -> None:
    book = LabelBook()
    book.add(
        [
            LabelRecord("a", "abusive", 1, "rule", confidence=0.6),
            LabelRecord("a", "benign", 2, "review", confidence=0.9),
        ]
    )
    assert book.standing(account_key("a"), banned=True) == (0.0, 0.9)
    book.add([LabelRecord("a", "abusive", 3, "review", confidence=0.9)])
    book.add([LabelRecord("a", "benign", 2, "review")])
    assert book.standing(account_key("a"), banned=False) == (0.9, 0.0)
    assert book.standing(account_key("b"), banned=True).abusive
