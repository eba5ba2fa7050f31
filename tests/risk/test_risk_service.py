"""Risk answers from real parts: what counts, when it counts, and what an answer says when something is missing."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from graphsvc.errors import Conflict, NotFound
from graphsvc.events.check import Rejected
from graphsvc.risk import Outcome, RiskService
from tests.risk.conftest import Deployment, wait_for, write_head

RING = [f"ring{place}" for place in range(8)]


def test_a_second_signup_with_the_same_card_sees_the_first(deployment: Deployment, risk: RiskService) -> None:
    first = deployment.assess(deployment.pays("a", "card"))
    second = deployment.assess(deployment.pays("b", "card"))
    assert first.reasons == ()
    assert [(r.code, r.identifier_type, r.shared_with) for r in second.reasons] == [
        ("shared_instrument", "instrument", 1)
    ]
    assert second.reasons[0].text == "shares its payment instrument with 1 account"
    assert second.reasons[0].bits > 10
    assert second.probability > first.probability


def test_in_a_burst_each_signup_counts_for_the_next(deployment: Deployment, risk: RiskService) -> None:
    answers = [deployment.assess(deployment.pays(f"a{place}", "card")) for place in range(200)]
    shared = [answer.reasons[0].shared_with for answer in answers[1:]]
    assert shared == list(range(1, 200))
    assert min(answer.probability for answer in answers[1:50]) > answers[0].probability


def test_a_campus_address_raises_nothing(deployment: Deployment) -> None:
    students = [deployment.event(f"s{place}", ip="131.107.9.9") for place in range(600)]
    deployment.ingest(students)
    deployment.detect({f"s{place}": 0.9 for place in range(0, 600, 3)})
    for place in range(60):
        deployment.label(f"s{place}", "abusive")
    deployment.start()
    stranger = deployment.assess(deployment.event("x"), record=False)
    answer = deployment.assess(deployment.event("new", ip="131.107.9.9"))
    assert answer.probability == pytest.approx(stranger.probability, abs=0.01)
    assert answer.risk_level == "low"
    assert {reason.bits for reason in answer.reasons} == {0.0}
    assert "connects nobody" in answer.reasons[0].text
    later = deployment.assess(deployment.event("newer", ip="131.107.9.9", device={"id": "d"}))
    beside = deployment.assess(deployment.event("newest", ip="131.107.9.9", device={"id": "d"}))
    assert later.reasons[0].bits == 0
    assert [reason.identifier_type for reason in beside.reasons] == ["device"]


def test_confirmed_abusive_neighbours_raise_and_are_counted(deployment: Deployment, risk: RiskService) -> None:
    for account in RING:
        deployment.assess(deployment.pays(account, "card"))
    before = deployment.assess(deployment.pays("new", "card"), record=False)
    for account in RING[:5]:
        deployment.label(account, "abusive")
    wait_for(
        lambda: deployment.assess(deployment.pays("new", "card"), record=False).reasons[0].shared_with_confirmed == 5
    )
    after = deployment.assess(deployment.pays("new", "card"), record=False)
    assert after.probability > before.probability
    assert after.reasons[0].text == "shares its payment instrument with 8 accounts, 5 of them confirmed abusive"


def test_a_label_of_an_account_of_the_base_counts_for_those_it_shares_with(deployment: Deployment) -> None:
    deployment.ingest([deployment.pays(account, "card") for account in RING])
    deployment.detect({})
    service = deployment.start()
    before = service.assess_account("ring1")
    deployment.label("ring0", "abusive")
    wait_for(lambda: service.assess_account("ring1").reasons[0].shared_with_confirmed == 1)
    assert service.assess_account("ring1").probability > before.probability
    itself = service.assess_account("ring0")
    assert itself.probability >= 0.99
    assert [reason.code for reason in itself.reasons] == ["shared_instrument", "confirmed_abusive"]
    assert itself.reasons[0].shared_with_confirmed == 0
    deployment.label("ring0", "benign")
    wait_for(lambda: service.assess_account("ring1").reasons[0].shared_with_confirmed == 0)
    assert service.assess_account("ring0").probability <= 0.05


def test_a_ban_confirms_and_a_reinstatement_takes_it_back(deployment: Deployment, risk: RiskService) -> None:
    deployment.assess(deployment.pays("a", "card"))
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    ban = {"enforcement": {"action": "banned"}, "occurred_at": an_hour_ago}
    deployment.assess(deployment.event("a", "enforcement", **ban))
    assert deployment.assess(deployment.pays("b", "card"), record=False).reasons[0].shared_with_confirmed == 1
    deployment.assess(deployment.event("a", "enforcement", enforcement={"action": "reinstated"}))
    assert deployment.assess(deployment.pays("b", "card"), record=False).reasons[0].shared_with_confirmed == 0


def test_without_record_nothing_is_left(deployment: Deployment, risk: RiskService) -> None:
    deployment.assess(deployment.pays("a", "card"), record=False)
    assert deployment.ledger.offset() == 0
    assert deployment.assess(deployment.pays("b", "card"), record=False).reasons == ()
    with pytest.raises(NotFound):
        risk.assess_account("a")


def test_what_is_recorded_is_in_the_ledger_once(deployment: Deployment, risk: RiskService) -> None:
    event = deployment.pays("a", "card")
    deployment.assess(event)
    deployment.assess(event)
    with pytest.raises(Conflict):
        deployment.assess(event | {"account_id": "b"})
    wait_for(lambda: deployment.ledger.offset() == 1)
    deployment.assess(event)
    assert [stored.record.event_id for stored in deployment.ledger.read(0, 9)] == [event["event_id"]]
    with pytest.raises(Conflict):
        deployment.assess(event | {"account_id": "b"})
    with pytest.raises(Rejected):
        deployment.assess(event | {"ip": "nowhere"})


def test_an_account_keeps_the_probability_of_the_last_detection_until_something_new(deployment: Deployment) -> None:
    deployment.ingest([deployment.pays(account, "card") for account in RING])
    deployment.ingest([deployment.event("alone", ip="192.0.2.1")])
    deployment.detect({"ring0": 0.4, "alone": 0.13})
    service = deployment.start()
    assert service.assess_account("ring0").probability == pytest.approx(0.4)
    assert service.assess_account("alone").probability == pytest.approx(0.13)
    assert service.assess_account("alone").cluster is None
    cluster = service.assess_account("ring0").cluster
    assert cluster is not None
    assert (cluster.kind, cluster.size) == ("trial_farm", 8)
    again = deployment.assess(deployment.pays("ring0", "card"))
    assert again.probability == pytest.approx(0.4)
    for account in RING[1:]:
        deployment.label(account, "abusive")
    wait_for(lambda: service.assess_account("ring0").probability > 0.4)
    moved = deployment.assess(deployment.pays("alone", "card"))
    assert moved.probability > 0.13
    assert moved.cluster == cluster


def test_a_new_detection_is_picked_up(deployment: Deployment, risk: RiskService) -> None:
    for account in RING:
        deployment.assess(deployment.pays(account, "card"))
    assert risk.assess_account("ring0").degraded_reasons == ("no_detection",)
    assert risk.assess_account("ring0").graph_as_of is None
    wait_for(lambda: deployment.ledger.offset() == len(RING))
    deployment.detect(dict.fromkeys(RING, 0.77))
    wait_for(lambda: risk.assess_account("ring0").graph_as_of is not None)
    answer = risk.assess_account("ring0")
    assert answer.probability == pytest.approx(0.77)
    assert answer.cluster is not None
    assert not answer.degraded
    assert answer.reasons[0].shared_with == 7
    assert deployment.assess(deployment.pays("new", "card")).reasons[0].shared_with == 8


def test_events_that_came_by_another_way_count(deployment: Deployment, risk: RiskService) -> None:
    deployment.ingest([deployment.pays(account, "card") for account in RING])
    risk.news()
    wait_for(lambda: risk.lag == 0)
    assert deployment.assess(deployment.pays("new", "card")).reasons[0].shared_with == 8
    deployment.ingest([deployment.pays("late", "card")])
    wait_for(lambda: risk.lag == 0)
    assert deployment.assess(deployment.pays("newer", "card")).reasons[0].shared_with == 10


def test_what_is_missing_is_said(deployment: Deployment, tmp_path: Path) -> None:
    deployment.graph_up = False
    deployment.model = tmp_path / "none"
    service = deployment.start()
    deployment.assess(deployment.pays("a", "card"))
    answer = deployment.assess(deployment.pays("b", "card"))
    assert answer.degraded
    assert answer.degraded_reasons == ("model_missing", "graph_unavailable", "no_detection")
    assert answer.model_version == "rule-1"
    assert answer.reasons[0].shared_with == 1
    assert set(service.states()) == {"index", "model", "detection", "graph", "policy", "lists"}
    version = write_head(tmp_path / "none")
    wait_for(lambda: deployment.assess(deployment.event("c"), record=False).model_version == version)


def test_the_rule_without_a_model_accuses_by_confirmed_neighbours(deployment: Deployment, tmp_path: Path) -> None:
    deployment.model = tmp_path / "none"
    deployment.start()
    for account in RING:
        deployment.assess(deployment.pays(account, "card"))
        deployment.label(account, "abusive")
    wait_for(
        lambda: deployment.assess(deployment.pays("x", "card"), record=False).reasons[0].shared_with_confirmed == 8
    )
    assert deployment.assess(deployment.pays("x", "card")).risk_level == "high"
    assert deployment.assess(deployment.pays("y", "other")).probability < 0.05


def test_an_answer_before_the_index_is_built_says_so(deployment: Deployment) -> None:
    deployment.service = RiskService(deployment.settings, deployment.arrival, lambda: deployment.model, lambda: True)
    assert "index_behind" in deployment.assess(deployment.pays("a", "card")).degraded_reasons
    assert deployment.service.states()["index"] == "being built"
    deployment.service.start()
    wait_for(deployment.up_to_date)
    assert deployment.assess(deployment.pays("b", "card")).reasons[0].shared_with == 1


def test_an_outcome_becomes_a_label(deployment: Deployment, risk: RiskService) -> None:
    answer = deployment.assess(deployment.pays("a", "card"))
    risk.outcome(answer.assessment_id, Outcome.ABUSIVE)
    risk.outcome(answer.assessment_id, Outcome.ABUSIVE)
    risk.outcome(answer.assessment_id, Outcome.CHALLENGE_FAILED)
    labels = [stored.label for stored in deployment.ledger.labels()]
    assert [(label.account_id, label.verdict, label.source) for label in labels] == [("a", "abusive", "outcome")]
    wait_for(lambda: risk.assess_account("a").probability >= 0.99)
    with pytest.raises(NotFound):
        risk.outcome("as_unknown", Outcome.BENIGN)


def test_assessing_while_the_index_follows_and_is_replaced(deployment: Deployment, risk: RiskService) -> None:
    """Eight threads sign up accounts with one card while events come in past the service and detections run."""
    wrong: list[BaseException] = []

    def sign_up(thread: int) -> None:
        try:
            for place in range(25):
                answer = deployment.assess(deployment.pays(f"t{thread}-{place}", "card"))
                assert answer.reasons or place == 0
        except BaseException as error:
            wrong.append(error)

    threads = [threading.Thread(target=sign_up, args=(thread,)) for thread in range(8)]
    for thread in threads:
        thread.start()
    for round_ in range(4):
        deployment.ingest([deployment.pays(f"i{round_}-{place}", "card") for place in range(10)])
        deployment.detect({})
    for thread in threads:
        thread.join()
    assert wrong == []
    wait_for(lambda: risk.lag == 0)
    assert deployment.assess(deployment.pays("last", "card")).reasons[0].shared_with == 240


def test_a_restart_answers_alike(deployment: Deployment, risk: RiskService) -> None:
    for account in RING:
        deployment.assess(deployment.pays(account, "card"))
    deployment.label("ring0", "abusive")
    wait_for(lambda: risk.assess_account("ring0").probability >= 0.99)
    before = risk.assess_account("ring1")
    answer = deployment.assess(deployment.pays("new", "card"), record=False)
    risk.stop()
    service = deployment.start()
    assert service.assess_account("ring1").reasons == before.reasons
    service.outcome(answer.assessment_id, Outcome.BENIGN)
    assert deployment.ledger.labels()[-1].label.source == "outcome"
