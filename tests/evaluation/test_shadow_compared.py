"""Champion and challenger held to labels: counted by hand, honest in time, and strict with innocents."""

from __future__ import annotations

import math

import pyarrow as pa
import pytest

from graphsvc.evaluation.shadow import ALL_LABELLED, UNITS_NEEDED, Comparison, compared, refusal, settled
from graphsvc.events.record import LabelRecord
from graphsvc.jobs.shadow import SCHEMA, Run

DAY_MS = 86_400_000


def run(day: int, rows: list[tuple[str, float, float, int]], banned: tuple[str, ...] = ()) -> Run:
    """Rows are an account, what champion and challenger say of it, and its cluster; no cluster is accused."""
    names, champion, challenger, cluster = zip(*rows, strict=True)
    none = [0.0] * len(rows)
    columns = [names, champion, challenger, none, none, cluster, [name in banned for name in names]]
    arrays = [pa.array(list(part), field.type) for part, field in zip(columns, SCHEMA, strict=True)]
    return Run(day * DAY_MS, 1.5, pa.table(arrays, schema=SCHEMA))


def label(name: str, day: float, verdict: str = "benign", kind: str | None = "household") -> LabelRecord:
    return LabelRecord(name, verdict, int(day * DAY_MS), "review", kind)


def against(kept: list[Run], labels: list[LabelRecord], learnt_ms: int = 0) -> Comparison:
    return compared("gnn-a", "gnn-b", kept, settled(labels), learnt_ms, 10)


def homes(count: int, champion: int, challenger: int) -> tuple[Run, list[LabelRecord]]:
    """So many single accounts labelled innocent on day 5, of which each model accuses so many."""
    rows = [(f"h{n:03d}", float(n < champion), float(n < challenger), -1) for n in range(count)]
    return run(1, rows), [label(name, 5) for name, *_ in rows]


def test_agreement_and_both_sides_are_counted() -> None:
    rows = [("a", 0.9, 0.8, -1), ("b", 0.1, 0.7, -1), ("c", 0.6, 0.2, -1), ("d", 0.0, 0.1, -1)]
    found = against([run(1, rows)], [label("b", 2, "abusive", None), label("c", 2)])
    assert (found.accounts, found.agreed) == (4, 2)
    assert found.difference == pytest.approx((0.1 + 0.6 + 0.4 + 0.1) / 4)
    assert (found.newly_accused.account_ids, found.newly_accused.abusive, found.newly_accused.innocent) == (
        ("b",),
        1,
        0,
    )
    assert (found.released.account_ids, found.released.abusive, found.released.innocent) == (("c",), 0, 1)
    assert (found.labelled, found.right) == (2, (0, 2))
    assert found.seconds == 1.5


def test_being_shown_in_an_accused_cluster_is_an_accusation() -> None:
    one = run(1, [("a", 0.1, 0.1, 0), ("b", 0.1, 0.1, 0)])
    rows = one.rows.set_column(4, "challenger_cluster", pa.array([0.8, 0.8], pa.float32()))
    found = against([Run(one.as_of_ms, 0.0, rows)], [])
    assert found.newly_accused.accounts == 2


def test_a_label_counts_by_the_last_look_before_it_and_only_after_all_that_was_learnt() -> None:
    early, late = run(1, [("a", 0.9, 0.1, -1)]), run(5, [("a", 0.1, 0.9, -1)])
    assert against([early, late], [label("a", 3)]).right == (0, 1)
    assert against([early, late], [label("a", 6)]).right == (1, 0)
    assert against([early, late], [label("a", 1)]).labelled == 0
    assert against([early, late], [label("a", 3)], learnt_ms=3 * DAY_MS).labelled == 0
    assert against([early, late], [label("a", 3)], learnt_ms=3 * DAY_MS - 1).labelled == 1


def test_of_two_labels_the_surer_counts_and_of_equals_the_later() -> None:
    said = [
        label("a", 2, "abusive"),
        label("a", 3),
        LabelRecord("b", "abusive", 9, "x", None, None, 0.4),
        label("b", 1),
    ]
    for order in (said, said[::-1]):
        assert [(one.account_id, one.verdict) for one in settled(order)] == [("a", "benign"), ("b", "benign")]


def test_without_labels_it_says_what_is_missing_and_refuses() -> None:
    found = against([run(1, [("a", 0.1, 0.1, -1)])], [])
    refused = refusal(found)
    assert refused is not None
    assert f"0 of the {UNITS_NEEDED}" in refused.message


def test_enough_innocents_and_none_worse_is_no_reason_to_refuse() -> None:
    found = against([homes(40, 3, 3)[0]], homes(40, 3, 3)[1])
    assert refusal(found) is None
    assert found.missing == ""
    rates = {group.group: (group.champion.value, group.challenger.value) for group in found.groups}
    assert rates == {"household": (0.075, 0.075), ALL_LABELLED: (0.075, 0.075)}


def test_a_group_that_fares_worse_is_named_with_rates_and_intervals() -> None:
    one, labels = homes(40, 0, 12)
    refused = refusal(against([one], labels))
    assert refused is not None
    assert refused.exit_code == 1
    assert "household 30.00% (" in refused.message
    assert "against 0.00% (0.00% to 8.76%)" in refused.message
    assert "40 units" in refused.message


def test_one_more_accused_lies_within_the_interval() -> None:
    one, labels = homes(40, 2, 3)
    assert refusal(against([one], labels)) is None


def test_accounts_of_one_cluster_are_one_unit() -> None:
    """Twenty accused accounts of one office are one observation, not twenty."""
    single, labels = homes(30, 0, 0)
    office = [(f"o{n}", 0.0, 1.0, 0) for n in range(20)]
    rows = [*zip(*(single.rows[name].to_pylist() for name in ("account_id", "champion", "challenger", "cluster")))]  # noqa: B905
    labels += [label(name, 5, kind="shared_organisation") for name, *_ in office]
    found = against([run(1, [*rows, *office])], labels)
    groups = {group.group: group for group in found.groups}
    assert "shared_organisation" not in groups
    assert groups[ALL_LABELLED].units == 31
    assert groups[ALL_LABELLED].accounts == 50
    assert not groups[ALL_LABELLED].worse


def test_the_unlabelled_hold_nobody_known_and_nobody_beside_one_known_as_abusive() -> None:
    rows = [("ring1", 0.9, 0.9, 0), ("ring2", 0.1, 0.9, 0), ("gone", 0.9, 0.9, 1), ("near", 0.1, 0.9, 1)]
    rows += [("home", 0.1, 0.1, -1), ("free1", 0.1, 0.1, -1), ("free2", 0.1, 0.1, 2)]
    labels = [label("ring1", 2, "abusive", None), label("home", 2)]
    found = against([run(1, rows, banned=("gone",))], labels)
    unlabelled = next(group for group in found.groups if group.group == "unlabelled")
    assert (unlabelled.accounts, unlabelled.challenger.value) == (2, 0.0)


def test_more_accusations_of_the_unlabelled_are_refused() -> None:
    one, labels = homes(30, 0, 0)
    rows = [*zip(*(one.rows[name].to_pylist() for name in ("account_id", "champion", "challenger", "cluster")))]  # noqa: B905
    rows += [(f"u{n:04d}", float(n < 20), float(n < 60), -1) for n in range(1000)]
    found = against([run(1, rows)], labels)
    assert [group.group for group in found.worse] == ["unlabelled"]
    assert math.isclose(found.worse[0].difference.value, 0.04)
