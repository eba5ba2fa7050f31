"""Evidence packs, history and campaigns by HTTP: of a real detection, and of clusters that merged and parted."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import flask
import pytest
from bs4 import BeautifulSoup
from flask.testing import FlaskClient

from graphsvc.api import create_app
from graphsvc.cases.keys import KeyStore
from graphsvc.clusters.results import ResultsReader
from graphsvc.config import load_settings
from tests.api.conftest import Served
from tests.clusters.runs import AFTER, BEFORE, find
from tests.links.worlds import DAY_MS, START_MS


@dataclass(frozen=True)
class Service:
    client: FlaskClient
    headers: dict[str, str]
    old: dict[str, str]

    def get(self, path: str) -> tuple[int, dict[str, Any]]:
        answer = self.client.get(path, headers=self.headers)
        return answer.status_code, answer.get_json(force=True)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """Four clusters, of which a day later two are one and the third is no more; the fourth is of their campaign."""
    folder = tmp_path_factory.mktemp("merged")
    settings = load_settings(data=folder / "data", neo4j_uri="off")
    places = settings.places.create()
    reader = ResultsReader(places.results)
    find(places.results, folder / "one", BEFORE, START_MS, None)
    old = reader.memberships()
    find(places.results, folder / "two", AFTER, START_MS + DAY_MS, reader)
    app: flask.Flask = create_app(settings)
    key = KeyStore(places.cases).create("test", ("read",))
    yield Service(app.test_client(), {"Authorization": f"Bearer {key}"}, old)
    app.extensions["graphsvc"].close()


def test_a_merged_cluster_says_where_it_is_now(service: Service) -> None:
    heir = service.old["a0"]
    status, problem = service.get(f"/v1/clusters/{service.old['b0']}")
    assert (status, problem["code"], problem["see"]) == (404, "not_found", heir)
    assert heir in problem["detail"]
    for path in ("/members", "/evidence", "/timeline", "/graph"):
        assert service.get(f"/v1/clusters/{service.old['b0']}{path}")[0] in (404, 503)


def test_a_cluster_that_fell_apart_says_so(service: Service) -> None:
    status, problem = service.get(f"/v1/clusters/{service.old['c0']}")
    assert status == 404
    assert "no longer form one" in problem["detail"]
    assert "see" not in problem


def test_histories_of_former_and_present_clusters(service: Service) -> None:
    heir, gone, apart = (service.old[name] for name in ("a0", "b0", "c0"))
    _, history = service.get(f"/v1/clusters/{heir}/history")
    assert [(one["event"], one["other"], one["accounts"]) for one in history["items"]] == [
        ("born", None, 6),
        ("absorbed", gone, 4),
        ("grew", None, 4),
    ]
    assert history["now_in"] is None
    _, history = service.get(f"/v1/clusters/{gone}/history")
    assert [one["event"] for one in history["items"]] == ["born", "merged_into"]
    assert history["items"][1]["text"] == f"Became part of {heir}: 4 of its 4 accounts went there."
    assert history["now_in"] == heir
    _, history = service.get(f"/v1/clusters/{apart}/history")
    assert [one["event"] for one in history["items"]] == ["born", "closed"]
    assert "no longer form a cluster" in history["items"][1]["text"]
    assert service.get("/v1/clusters/nobody/history")[0] == 404


def test_campaigns_are_stable_and_listed(service: Service) -> None:
    _, cluster = service.get(f"/v1/clusters/{service.old['a0']}")
    assert cluster["campaign_id"].startswith("p")
    _, page = service.get(f"/v1/clusters?campaign={cluster['campaign_id']}")
    assert {one["id"] for one in page["items"]} == {service.old["a0"], service.old["d0"]}
    assert service.get("/v1/clusters?campaign=none")[1]["items"] == []


def test_members_tell_how_firmly_they_belong(service: Service) -> None:
    _, members = service.get(f"/v1/clusters/{service.old['a0']}/members")
    strengths = [one["strength"] for one in members["items"]]
    assert strengths == sorted(strengths)
    assert 0 <= strengths[0] < strengths[-1] < 1


def test_the_pack_has_evidence_and_counter_evidence(service: Service) -> None:
    _, pack = service.get(f"/v1/clusters/{service.old['a0']}/evidence")
    assert pack["sentence"].startswith("10 accounts are held together by 9 links")
    assert (pack["bonds_total"], len(pack["bonds"])) == (9, 9)
    assert {bond["part"] + bond["rest"] for bond in pack["bonds"]} == {10}
    assert [one["outcome"] for one in pack["explanations"]] == sorted(
        (one["outcome"] for one in pack["explanations"]), key=["explains", "in_part", "no"].index
    )
    assert {one["identifier_id"] for one in pack["discounts"]} == {"d1", "d2", "rare"}
    assert len(service.get(f"/v1/clusters/{service.old['a0']}/evidence?max_bonds=2")[1]["bonds"]) == 2
    assert service.get(f"/v1/clusters/{service.old['a0']}/evidence?max_bonds=x")[0] == 422


def test_the_pack_of_a_real_detection(api: Served) -> None:
    for cluster in api.client.get("/v1/clusters", params={"limit": 5}).json()["items"]:
        pack = api.client.get(f"/v1/clusters/{cluster['id']}/evidence").json()
        assert sum(pack["parts"]) == cluster["size"]
        assert len(pack["explanations"]) == 11
        assert api.client.get(f"/v1/clusters/{cluster['id']}/history").json()["items"][0]["event"] == "born"


def test_the_page_of_a_merged_cluster_leads_to_where_it_is_now(service: Service) -> None:
    browser = service.client
    key = service.headers["Authorization"].removeprefix("Bearer ")
    assert browser.post("/login", data={"key": key}).status_code == 303
    answer = browser.get(f"/clusters/{service.old['b0']}")
    assert (answer.status_code, answer.headers["Location"]) == (302, f"/clusters/{service.old['a0']}#history")
    page = browser.get(f"/clusters/{service.old['a0']}").text
    assert f"Took in {service.old['b0']}" in page
    assert "Belongs" in page
    campaign = BeautifulSoup(page, "html.parser").select_one("section.campaign")
    assert campaign is not None
    assert "2 accounts, 7.5 bits: The same <card> issuer." in campaign.text
    assert [str(one["href"]) for one in campaign.select("li a")] == [f"/clusters/{service.old['d0']}"]
    listed = browser.get(str(campaign.select("p a")[0]["href"])).text
    assert f"/clusters/{service.old['d0']}" in listed
    assert "Only clusters of the campaign" in listed
    assert browser.get(f"/clusters/{service.old['c0']}").status_code == 404
