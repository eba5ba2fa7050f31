"""What a cluster took, from events sent with their prompts to the answer about a cluster."""

from __future__ import annotations

from typing import Any

from openapi_spec_validator import OpenAPIV31SpecValidator

from tests.api.conftest import Served


def detail(api: Served, group: str) -> dict[str, Any]:
    accounts = api.world.groups[group]
    found = [api.client.get(f"/v1/accounts/{account}").json()["cluster_id"] for account in accounts]
    known = [one for one in found if one]
    cluster = max(set(known), key=known.count)
    return dict(api.client.get(f"/v1/clusters/{cluster}").json())


def test_a_ring_that_asks_by_a_template_is_told_by_it(api: Served) -> None:
    cluster = detail(api, "ring_prompts")
    taken, total = cluster["taken"], cluster["taken"]["total"]
    members = {row["account_id"] for row in _members(api, cluster["id"])}
    asked = [e for e in api.world.events if e["type"] == "request" and e["account_id"] in members]
    answered = [e for e in asked if e["request"]["status"] < 400]
    assert total["exchanges"] == len(answered)
    assert total["output_tokens"] == sum(e["request"].get("output_tokens", 0) for e in answered)
    assert sum(week["exchanges"] for week in taken["weeks"]) == len(answered)
    techniques = {one["name"]: one["share"] for one in total["techniques"]}
    assert techniques["step_by_step"] > 0.8
    assert "most asking for step-by-step reasoning" in taken["sentence"]
    assert {one["name"] for one in total["models"]} == {e["request"]["model"] for e in answered}


def test_a_list_of_clusters_has_no_statement(api: Served) -> None:
    items = api.client.get("/v1/clusters").json()["items"]
    assert items
    assert all("taken" not in item for item in items)


def test_the_document_describes_the_statement(api: Served) -> None:
    document = api.client.get("/openapi.json").json()
    OpenAPIV31SpecValidator(document).validate()
    shapes = document["components"]["schemas"]
    assert set(shapes["Taken"]["properties"]) == {"sentence", "breadth_bits", "uniformity", "total", "weeks"}
    answer = document["paths"]["/v1/clusters/{cluster_id}"]["get"]["responses"]["200"]
    assert answer["content"]["application/json"]["schema"]["$ref"].endswith("/ClusterDetail")


def _members(api: Served, cluster_id: str) -> list[dict[str, Any]]:
    return list(api.client.get(f"/v1/clusters/{cluster_id}/members", params={"limit": 1000}).json()["items"])
