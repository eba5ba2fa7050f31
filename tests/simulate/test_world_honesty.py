"""Ids tell nothing, and no file but truth.csv holds the truth. What single accounts tell: test_world_audit."""

from __future__ import annotations

from msgspec import UNSET
from sklearn.metrics import roc_auc_score

from tests.simulate.made import Made

CHANCE = 0.06


def test_ids_carry_no_signal(plain_world: Made) -> None:
    accounts = sorted(plain_world.truth)
    auroc = roc_auc_score([plain_world.abusive(account_id) for account_id in accounts], range(len(accounts)))
    assert abs(auroc - 0.5) < CHANCE
    assert len({len(account_id) for account_id in accounts}) == 1
    event_ids = sorted((event.event_id, plain_world.abusive(event.account_id)) for event in plain_world.events)
    auroc = roc_auc_score([abusive for _, abusive in event_ids], range(len(event_ids)))
    assert abs(auroc - 0.5) < CHANCE


def test_no_truth_in_events_or_labels(plain_world: Made) -> None:
    text = (plain_world.folder / "events.ndjson").read_bytes() + (plain_world.folder / "labels.ndjson").read_bytes()
    hidden = {row[column] for row in plain_world.truth.values() for column in ("ring", "operator") if row[column]}
    hidden |= {row["group"] for row in plain_world.truth.values() if "_" in row["group"]} - {
        row["kind"] for row in plain_world.truth.values()
    }
    assert hidden
    assert [name for name in sorted(hidden) if f'"{name}"'.encode() in text] == []


def test_labels_of_operators_do_not_name_rings(plain_world: Made) -> None:
    named = {label.operator_id for label in plain_world.labels if label.operator_id is not UNSET}
    assert named
    assert not named & {row["operator"] for row in plain_world.truth.values()}
