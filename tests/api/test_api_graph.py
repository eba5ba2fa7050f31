"""The calls that need the graph database, with one: a server of its own beside the API's."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from graphsvc.graph import embedded
from graphsvc.jobs.graph import bring_up_to_date
from tests.api.conftest import Served, prepared, served

PROBED_WITHIN_S = 60


@pytest.mark.xdist_group("outage")
def test_a_clusters_graph_and_an_accounts_neighbours(tmp_path: Path) -> None:
    settings, world = prepared(tmp_path, uri=None)
    embedded.start(settings)
    try:
        assert bring_up_to_date(settings, start=False) == ""
        with served(settings, world) as api:
            _check(api)
    finally:
        embedded.stop(settings)


def _check(api: Served) -> None:
    cluster = api.client.get("/v1/clusters", params={"min_size": 10, "sort": "size"}).json()["items"][0]
    path = f"/v1/clusters/{cluster['id']}/graph"
    deadline = time.monotonic() + PROBED_WITHIN_S
    while (answer := api.client.get(path, params={"max_nodes": 60})).status_code == 503:
        assert time.monotonic() < deadline
        time.sleep(0.3)
    graph = answer.json()
    assert answer.status_code == 200
    members = {item["account_id"] for item in api.client.get(f"/v1/clusters/{cluster['id']}/members").json()["items"]}
    assert {node["id"] for node in graph["nodes"] if node["type"] == "account"} <= members
    keys = {node["key"] for node in graph["nodes"]}
    assert graph["edges"]
    assert all(edge["source"] in keys and edge["target"] in keys for edge in graph["edges"])
    account = sorted(members)[0]
    near = api.client.get(f"/v1/accounts/{account}/neighbours", params={"limit": 10}).json()["items"]
    assert len({item["account_id"] for item in near} & members) >= 5
    assert [item["bits"] for item in near] == sorted((item["bits"] for item in near), reverse=True)
    answered = api.client.post("/v1/risk", json={"account_id": account}).json()
    assert "graph_unavailable" not in answered["degraded_reasons"]
