"""No single account gives itself away, and no file but truth.csv holds the truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence

import numpy as np
import pytest
from msgspec import UNSET
from sklearn.metrics import roc_auc_score

from graphsvc.events.types import Event
from tests.simulate.made import Made

BOUND = 0.80
CHANCE = 0.06


def times(events: Sequence[Event]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array([event.occurred_at.timestamp() for event in events if event.type == "request"])


def mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else 0.0


def of_requests(fact: Callable[[Event], float]) -> Callable[[Sequence[Event]], float]:
    return lambda events: mean([fact(event) for event in events if event.type == "request"])


def of_payments(fact: Callable[[Event], float]) -> Callable[[Sequence[Event]], float]:
    return lambda events: mean([fact(event) for event in events if event.type == "payment"])


def of_signup(fact: Callable[[Event], float]) -> Callable[[Sequence[Event]], float]:
    return lambda events: fact(next(event for event in events if event.type == "signup"))


def gap_cv(events: Sequence[Event]) -> float:
    gaps = np.diff(times(events))
    return float(gaps.std() / gaps.mean()) if gaps.size > 1 and gaps.mean() > 0 else 0.0


def hour_entropy(events: Sequence[Event]) -> float:
    hours = np.bincount((times(events) // 3600 % 24).astype(int), minlength=24).astype(float)
    shares = hours[hours > 0] / hours.sum() if hours.sum() else np.ones(1)
    return float(-(shares * np.log2(shares)).sum())


FEATURES: dict[str, Callable[[Sequence[Event]], float]] = {
    "requests": lambda events: float(len(times(events))),
    "logins": lambda events: float(sum(event.type == "login" for event in events)),
    "payments": lambda events: float(sum(event.type == "payment" for event in events)),
    "input_tokens": of_requests(lambda event: float(event.request.input_tokens)),  # type: ignore[union-attr,arg-type]
    "output_tokens": of_requests(lambda event: float(event.request.output_tokens)),  # type: ignore[union-attr,arg-type]
    "limited": of_requests(lambda event: event.request.status == 429),  # type: ignore[union-attr]
    "failed": of_requests(lambda event: event.request.status >= 500),  # type: ignore[union-attr]
    "turns": of_requests(lambda event: float(len(event.request.messages))),  # type: ignore[union-attr,arg-type]
    "system": of_requests(lambda event: event.request.messages[0].role == "system"),  # type: ignore[union-attr,index]
    "keyed": of_requests(lambda event: event.request.api_key_id is not UNSET),  # type: ignore[union-attr]
    "tools": of_requests(lambda event: event.request.tools is not UNSET),  # type: ignore[union-attr]
    "new_model": of_requests(lambda event: event.request.model == "aurora-max-2"),  # type: ignore[union-attr]
    "prepaid": of_payments(lambda event: event.payment.funding == "prepaid"),  # type: ignore[union-attr]
    "declined": of_payments(lambda event: event.payment.outcome == "declined"),  # type: ignore[union-attr]
    "age": of_signup(lambda event: event.occurred_at.timestamp()),
    "phone": of_signup(lambda event: event.signup.phone is not UNSET),  # type: ignore[union-attr]
    "referred": of_signup(lambda event: event.signup.referral_code is not UNSET),  # type: ignore[union-attr]
    "mail_plus": of_signup(lambda event: "+" in event.signup.email),  # type: ignore[union-attr,operator]
    "mail_length": of_signup(lambda event: float(len(event.signup.email))),  # type: ignore[union-attr,arg-type]
    "free_plan": of_signup(lambda event: event.signup.plan == "free"),  # type: ignore[union-attr]
    "addresses": lambda events: float(len({event.ip for event in events if event.ip is not UNSET})),
    "devices": lambda events: float(len({event.device.id for event in events if event.device is not UNSET})),
    "gap_cv": gap_cv,
    "hour_entropy": hour_entropy,
}


@pytest.fixture(scope="module")
def by_account(plain_world: Made) -> dict[str, list[Event]]:
    grouped: dict[str, list[Event]] = defaultdict(list)
    for event in plain_world.events:
        grouped[event.account_id].append(event)
    return grouped


@pytest.mark.parametrize("name", FEATURES)
def test_no_feature_of_one_account_tells(name: str, plain_world: Made, by_account: dict[str, list[Event]]) -> None:
    abusive = [plain_world.abusive(account_id) for account_id in by_account]
    auroc = roc_auc_score(abusive, [FEATURES[name](events) for events in by_account.values()])
    assert max(auroc, 1 - auroc) <= BOUND


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
