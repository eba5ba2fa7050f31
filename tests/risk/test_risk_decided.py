"""Lists, holdout, shadow rules and the policy's file in the answers of a running service, and in what is remembered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from graphsvc.api.lists import read
from graphsvc.cases.assessments import AssessmentRow, AssessmentStore
from graphsvc.cases.lists import ListName, Target
from graphsvc.config import Settings
from graphsvc.errors import Unavailable
from graphsvc.events.arrive import now_ms
from graphsvc.events.tokens import Tokeniser, load_key
from graphsvc.risk import Assessment, Outcome, RiskService
from graphsvc.risk.decide import Decider
from graphsvc.risk.policy import SHIPPED, Policy
from graphsvc.risk.policy.verdict import in_holdout
from tests.risk.conftest import Deployment, wait_for

BASE = SHIPPED.read_text()
STRICT = BASE.replace("medium = 0.30", "medium = 0.001").replace("high = 0.60", "high = 0.002")
"""Everybody is challenged at least."""
SHADOW = '\n[[shadow]]\nname = "mild signups"\nevent = ["signup"]\nmedium = 0.3\nhigh = 0.6\n'


def put(deployment: Deployment, name: ListName, target: Target) -> None:
    assert deployment.service is not None
    deployment.service.lists.store.add(name, target, "x", "k", now_ms())
    deployment.service.lists.refresh()


def remembered(deployment: Deployment, answer: Assessment) -> AssessmentRow:
    store = AssessmentStore(deployment.settings.places.cases)

    def rows() -> list[AssessmentRow]:
        return [row for row in store.history(0, 2**62) if row.id == answer.assessment_id]

    wait_for(lambda: bool(rows()))
    return rows()[0]


def codes(answer: Assessment) -> list[str]:
    return [reason.code for reason in answer.reasons if reason.code.startswith("list_")]


def test_a_blocked_card_counts_for_those_who_have_it_whatever_they_do_next(
    deployment: Deployment, risk: RiskService
) -> None:
    deployment.assess(deployment.pays("a", "card"))
    deployment.assess(deployment.event("b", device={"id": "d"}, ip="192.0.2.1"))
    put(deployment, "block", Target(identifier=deployment.arrival.identifier("instrument", "card")))
    put(deployment, "block", Target(identifier=deployment.arrival.identifier("ip", "192.0.2.1")))
    put(deployment, "allow", Target(identifier=deployment.arrival.identifier("device", "d")))
    later = deployment.assess(deployment.event("a", "login"), record=False)
    assert (later.recommended_action, codes(later)) == ("deny", ["list_block"])
    assert risk.assess_account("a").recommended_action == "deny"
    assert codes(deployment.assess(deployment.event("c", ip="192.0.2.1"), record=False)) == ["list_block"]
    assert codes(risk.assess_account("b")) == []
    put(deployment, "allow", Target(account_id="a"))
    freed = deployment.assess(deployment.pays("a", "card"))
    assert (freed.recommended_action, codes(freed)) == ("allow", ["list_allow"])
    row = remembered(deployment, freed)
    assert (row.listed, row.held_out, row.recommended_action) == ("allow", 0, "allow")


def test_what_is_held_out_is_let_through_and_remembered_with_what_it_would_have_been(deployment: Deployment) -> None:
    deployment.settings.places.policy.write_text(STRICT.replace("share = 0.0", "share = 0.2") + SHADOW)
    deployment.start()
    key = Tokeniser(load_key(deployment.settings)).derived_key("holdout")
    names = [f"h{place}" for place in range(40)]
    held = [name for name in names if in_holdout(key, name, 0.2)]
    assert held
    answers = {name: deployment.assess(deployment.event(name, signup={"channel": "web"})) for name in names}
    assert [name for name, answer in answers.items() if answer.held_out] == held
    for name, answer in answers.items():
        expected = "allow" if name in held else "challenge"
        assert (answer.recommended_action, answer.risk_level) == (expected, "high")
    row = remembered(deployment, answers[held[0]])
    assert (row.held_out, row.graded_action, row.recommended_action) == (1, "challenge", "allow")
    assert (row.channel, json.loads(row.shadow_actions)) == ("web", {"mild signups": "allow"})
    assert (
        row.policy_version == answers[held[0]].policy_version == Policy.load(deployment.settings.places.policy).version
    )
    put(deployment, "block", Target(account_id=held[0]))
    blocked = deployment.assess(deployment.event(held[0], "login"))
    assert (blocked.recommended_action, blocked.held_out) == ("deny", False)
    assert deployment.service is not None
    told = deployment.service.outcome(answers[held[0]].assessment_id, Outcome.BENIGN)
    assert (told.outcome, told.against) == (Outcome.BENIGN, ())


def test_a_wrong_policy_takes_nothing_down_and_is_shown_until_it_is_put_right(
    deployment: Deployment, risk: RiskService, capsys: pytest.CaptureFixture[str]
) -> None:
    def answer() -> Assessment:
        return deployment.assess(deployment.event("a"), record=False)

    def write(text: str) -> None:
        path: Path = deployment.settings.places.policy
        draft = path.with_name("draft")
        draft.write_text(text)
        draft.replace(path)

    assert answer().recommended_action == "allow"
    write(STRICT)
    wait_for(lambda: answer().recommended_action == "challenge")
    strict = answer().policy_version
    write(STRICT.replace("[holdout]", "[holdot]"))
    wait_for(lambda: "policy_refused" in answer().degraded_reasons)
    assert (answer().policy_version, answer().recommended_action) == (strict, "challenge")
    assert "holdot" in risk.states()["policy"]
    assert strict in risk.states()["policy"]
    write(BASE)
    wait_for(lambda: "policy_refused" not in answer().degraded_reasons)
    assert risk.states()["policy"] == "ok"
    assert capsys.readouterr().out.count("policy_refused") == 1


def test_lists_that_cannot_be_read_degrade_and_come_back(
    deployment: Deployment, risk: RiskService, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(deployment, "block", Target(account_id="a"))
    cases = deployment.settings.places.cases
    monkeypatch.setattr("graphsvc.risk.listed.STALE_S", 0.3)
    wait_for(lambda: risk.states()["lists"] == "ok")
    damaged = cases.with_name("aside")
    risk.lists.store = type(risk.lists.store)(damaged / "none.sqlite")
    wait_for(lambda: risk.states()["lists"] != "ok")
    answer = deployment.assess(deployment.event("a"), record=False)
    assert (answer.recommended_action, "lists_unavailable" in answer.degraded_reasons) == ("deny", True)
    risk.lists.store = type(risk.lists.store)(cases)
    wait_for(lambda: risk.states()["lists"] == "ok")


def test_nothing_raw_of_a_list_is_kept_or_logged_or_answered(
    deployment: Deployment, risk: RiskService, capsys: pytest.CaptureFixture[str]
) -> None:
    raw = {"email": "quite.Private@one-mailbox.example", "phone": "+4915155544433", "ip": "198.51.100.213"}
    for kind, value in raw.items():
        body = {"identifier": {"type": kind, "value": value}, "reason": "as agreed"}
        made = read(body, deployment.arrival, now_ms())
        risk.lists.store.add("block", made.target, made.reason, "k", now_ms(), made.expires_ms)
    risk.lists.refresh()
    facts = {"email": raw["email"], "phone": raw["phone"]}
    answer = deployment.assess(deployment.event("a", ip=raw["ip"], signup=facts))
    assert {reason.identifier_type for reason in answer.reasons if reason.code == "list_block"} == set(raw)
    remembered(deployment, answer)
    said = [json.dumps([reason.text for reason in answer.reasons]), capsys.readouterr().out]
    files = [path.read_bytes() for path in deployment.settings.places.root.rglob("*") if path.is_file()]
    for value in raw.values():
        assert not any(value.casefold() in text.casefold() for text in said)
        assert not any(value.casefold().encode() in content.lower() for content in files)


def test_lists_that_cannot_be_read_at_the_start_are_said_to_be_missing(settings: Settings) -> None:
    settings.places.create().cases.mkdir()
    decider = Decider(settings)
    assert ("lists_unavailable", True) in decider.missing()
    assert decider.decide("a", "signup", 0.95, None).action == "deny"
    with pytest.raises(Unavailable):
        decider.refresh()
    settings.places.cases.rmdir()
    decider.refresh()
    assert ("lists_unavailable", False) in decider.missing()
