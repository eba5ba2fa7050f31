"""What a risk answer says where it does not know: of the account, and of its cluster."""

from __future__ import annotations

import pytest

from graphsvc.clusters.results import ResultsReader
from graphsvc.clusters.verdict import account_verdict, cluster_verdict
from graphsvc.risk.answer import Assessment
from graphsvc.risk.follow import detected_of, read_detected
from tests.risk.conftest import Deployment, wait_for, write_head

RING = [f"ring{place}" for place in range(8)]
NARROW, WIDE = (0.9, 0.9, 0.9), (0.9, 0.2, 0.97)


def detected(deployment: Deployment, interval: tuple[float, float, float], account: float = 0.9) -> None:
    deployment.ingest([deployment.pays(one, "card") for one in RING])
    deployment.detect(dict.fromkeys(RING, account), interval=interval)


@pytest.mark.parametrize(("interval", "verdict"), [(NARROW, "abusive"), (WIDE, "unknown")])
def test_an_answer_tells_the_verdict_of_the_cluster_and_of_the_account(
    deployment: Deployment, interval: tuple[float, float, float], verdict: str
) -> None:
    detected(deployment, interval)
    service = deployment.start()
    member = service.assess_account("ring0")
    assert member.cluster is not None
    assert member.cluster.verdict == member.verdict == verdict
    newcomer = deployment.assess(deployment.pays("newcomer", "card"), record=False)
    assert newcomer.cluster is not None, "what it shares ties it to the cluster"
    assert newcomer.cluster.verdict == verdict
    assert newcomer.verdict == account_verdict(newcomer.probability, newcomer.cluster.verdict)


def test_an_account_that_its_cluster_speaks_against_is_unknown(deployment: Deployment) -> None:
    detected(deployment, NARROW, account=0.3)
    answer = deployment.start().assess_account("ring0")
    assert answer.cluster is not None
    assert (answer.cluster.verdict, answer.verdict) == ("abusive", "unknown")


def test_an_account_alone_is_known_where_its_own_odds_are_clear(deployment: Deployment) -> None:
    deployment.ingest([deployment.event("clear"), deployment.event("unclear")])
    deployment.detect({"clear": 0.1, "unclear": 0.4})
    service = deployment.start()
    assert [service.assess_account(one).verdict for one in ("clear", "unclear")] == ["innocent", "unknown"]


def test_what_people_decided_stands(deployment: Deployment) -> None:
    detected(deployment, WIDE)
    service = deployment.start()

    def known(account: str, verdict: str) -> bool:
        return service.assess_account(account).verdict == verdict

    deployment.label("ring0", "abusive")
    deployment.label("ring1", "benign")
    wait_for(lambda: known("ring0", "abusive") and known("ring1", "innocent"))
    assert known("ring2", "unknown")


def test_a_rule_in_place_of_the_model_knows_nothing(deployment: Deployment) -> None:
    (deployment.model / "manifest.json").unlink()
    service = deployment.start()
    answer = deployment.assess(deployment.event("a"))
    assert "model_missing" in answer.degraded_reasons
    assert answer.verdict == "unknown"
    deployment.label("a", "benign")
    wait_for(lambda: service.assess_account("a").verdict == "innocent")


def test_a_base_from_results_in_memory_says_the_same_as_one_from_the_file(deployment: Deployment) -> None:
    detected(deployment, WIDE)
    written = deployment.written
    assert written is not None
    from_file, _ = read_detected(ResultsReader(deployment.settings.places.results))
    in_memory = detected_of(written)
    assert {one.id: one.verdict for one in in_memory.clusters} == {one.id: one.verdict for one in from_file.clusters}
    assert {one.verdict for one in from_file.clusters} == {cluster_verdict(*WIDE)}


def test_a_base_of_before_verdicts_is_made_anew(deployment: Deployment) -> None:
    detected(deployment, WIDE)
    deployment.start()
    (base,) = deployment.settings.places.risk.glob("base-*")
    manifest = base / "manifest.json"
    service = deployment.service
    assert service is not None
    service.stop()
    old = manifest.read_text().replace(',"verdict":"unknown"', "").replace('"format":2', '"format":1')
    assert "verdict" not in old
    manifest.write_text(old)
    write_head(deployment.model)
    answer: Assessment = deployment.start().assess_account("ring0")
    assert answer.cluster is not None
    assert answer.cluster.verdict == "unknown"
