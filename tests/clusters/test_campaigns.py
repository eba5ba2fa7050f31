"""Campaigns join clusters that made the same rare choices, and neither a firm's teams nor a campus's departments."""

from __future__ import annotations

from pathlib import Path

import networkx as nx
import numpy as np
import pyarrow as pa
import pytest

from graphsvc.clusters.campaigns import LINKS, Joined, campaigns
from graphsvc.clusters.strength import strengths
from graphsvc.events.record import Record
from graphsvc.links.pairs import SCHEMA
from graphsvc.links.view import LinkView
from tests.bench.cluster_worlds import drawn
from tests.links.worlds import DAY_MS, START_MS, event, view

SIZE = 12
LAST_MS = START_MS + 40 * DAY_MS
Chosen = dict[str, str]


def cluster(name: str, chosen: Chosen, begin_ms: int = START_MS, days: int = 30) -> list[Record]:
    """Twelve accounts with one device that have all that is chosen, at work from a moment on for some days."""
    ids = [("device", f"device-{name}"), *chosen.items()]
    return [
        event(f"{name}-{place}-{at}", f"{name}{place:02d}", at, ids)
        for place in range(SIZE)
        for at in (begin_ms, begin_ms + days * DAY_MS)
    ]


def others(count: int = 300) -> list[Record]:
    """Strangers, of whom a tenth has each common thing."""
    return [event(f"o{n}", f"o{n:03d}", LAST_MS, [("bin", f"b{n % 10}"), ("asn", f"as{n % 10}")]) for n in range(count)]


def seen(folder: Path, *parts: list[Record]) -> LinkView:
    return view(folder / "w", [record for part in (*parts, others()) for record in part])


def of_names(network: LinkView, *names: str) -> np.ndarray:
    """Clusters by the first letter of account ids."""
    order = {name: place for place, name in enumerate(names)}
    return np.array([order.get(one[0], -1) for one in network.accounts["account_id"].to_pylist()], np.int32)


def joined(folder: Path, first: Chosen, second: Chosen, **times: int) -> Joined:
    network = seen(folder, cluster("a", first), cluster("b", second, **times))
    return campaigns(network, of_names(network, "a", "b"))


def test_two_clusters_with_the_same_rare_choices_are_a_campaign(tmp_path: Path) -> None:
    same = {"bin": "b77", "mail_domain": "x.example", "asn": "as77"}
    found = joined(tmp_path, same, same)
    assert found.campaign.tolist() == [0, 0]
    assert found.links.schema == LINKS
    assert found.links["bits"][0].as_py() > 6
    assert found.links["reason"][0].as_py().startswith("Accounts of both have the same of: ")


def test_one_choice_is_a_coincidence(tmp_path: Path) -> None:
    assert joined(tmp_path, {"bin": "b77"}, {"bin": "b77"}).campaign.tolist() == [-1, -1]


def test_common_choices_are_a_coincidence(tmp_path: Path) -> None:
    """Each thing is had by a tenth of all accounts."""
    same = {"bin": "b1", "asn": "as1"}
    rare = {"bin": "b77", "asn": "as77"}
    assert joined(tmp_path / "rare", rare, rare).campaign.tolist() == [0, 0]
    crowd = [record for n in range(60) for record in cluster(chr(300 + n), same)]
    network = seen(tmp_path, crowd)
    assert campaigns(network, of_names(network, *(chr(300 + n) for n in range(60)))).campaign.max() == -1


def test_a_network_and_a_mail_domain_are_what_any_firm_has(tmp_path: Path) -> None:
    same = {"asn": "as77", "subnet": "s77", "mail_domain": "firm.example"}
    assert joined(tmp_path, same, same).campaign.tolist() == [-1, -1]


def test_an_organisation_excuses(tmp_path: Path) -> None:
    same = {"bin": "b77", "mail_domain": "x.example", "asn": "as77", "org": "firm"}
    assert joined(tmp_path, same, same).campaign.tolist() == [-1, -1]


def test_a_successor_that_inherits_needs_less(tmp_path: Path) -> None:
    """Of one choice, what begins where the other ended is a campaign, and what runs beside it is not."""
    same = {"bin": "b77"}
    after = START_MS + 10 * DAY_MS
    first = cluster("a", same, days=10)
    network = seen(tmp_path / "after", first, cluster("b", same, after, days=20))
    found = campaigns(network, of_names(network, "a", "b"))
    assert found.campaign.tolist() == [0, 0]
    assert "one began 0.0 days after the other ended" in found.links["reason"][0].as_py()
    beside = seen(tmp_path / "beside", first, cluster("b", same, START_MS, days=30))
    assert campaigns(beside, of_names(beside, "a", "b")).campaign.tolist() == [-1, -1]


def test_a_successor_that_inherits_nothing_is_none(tmp_path: Path) -> None:
    network = seen(
        tmp_path, cluster("a", {"bin": "b1"}, days=10), cluster("b", {"bin": "b1"}, START_MS + 10 * DAY_MS, days=20)
    )
    assert campaigns(network, np.full(len(network.accounts), -1, np.int32)).campaign.tolist() == []


def test_innocent_clusters_join_none(tmp_path: Path) -> None:
    same = {"bin": "b77", "mail_domain": "x.example", "asn": "as77"}
    network = seen(tmp_path, cluster("a", same), cluster("b", same), cluster("c", same))
    probability = np.array([0.9, 0.2, 0.6], np.float32)
    found = campaigns(network, of_names(network, "a", "b", "c"), probability)
    assert found.campaign.tolist() == [0, -1, 0]
    assert found.links.select(["a", "b"]).to_pylist() == [{"a": 0, "b": 2}]


def test_campaigns_are_numbered_by_their_first_cluster(tmp_path: Path) -> None:
    one, other = ({"bin": f"b7{n}", "mail_domain": f"x{n}.example"} for n in range(2))
    network = seen(
        tmp_path, *(cluster(name, chosen) for name, chosen in zip("abcd", (one, other, other, one), strict=True))
    )
    found = campaigns(network, of_names(network, "a", "b", "c", "d"))
    assert found.campaign.tolist() == [0, 1, 1, 0]
    assert found.links.select(["a", "b"]).to_pylist() == [{"a": 0, "b": 3}, {"a": 1, "b": 2}]


def test_each_campaign_is_connected_by_its_links() -> None:
    world = drawn(20_000, 1)
    pieces = np.random.default_rng(1).integers(0, 6, len(world.ring))
    _, clusters = np.unique(np.where(world.ring >= 0, world.ring * 6 + pieces, -1), return_inverse=True)
    found = campaigns(world.view, (clusters.reshape(-1) - 1).astype(np.int32))
    graph = nx.Graph(zip(found.links["a"].to_pylist(), found.links["b"].to_pylist(), strict=True))
    assert graph.number_of_nodes() > 10
    for component in nx.connected_components(graph):
        assert len(set(found.campaign[list(component)].tolist())) == 1
    assert set(np.flatnonzero(found.campaign >= 0).tolist()) == set(graph)


PAIRS = [(0, 1, 12.0, 1), (0, 2, 12.0, 1), (0, 3, 12.0, 3), (1, 2, 9.0, 1), (4, 5, 9.0, 1), (4, 6, 9.0, 1)]


@pytest.fixture(scope="module")
def held() -> np.ndarray:
    pairs = pa.table([pa.array(column) for column in zip(*PAIRS, strict=True)], names=SCHEMA.names).cast(SCHEMA)
    return strengths(pairs, np.array([0, 0, 0, 0, 1, 1, -1, 1], np.int32))


def test_strength_is_what_lies_within_and_how_many_independent_ties_there_are(held: np.ndarray) -> None:
    """Account 0 has three mates and two groups, account 1 two mates and one group, account 4 half outside."""
    assert held[0] == pytest.approx(1 - 2 ** -(np.log2(3) + 2), abs=1e-3)
    assert held[1] == pytest.approx(1 - 2**-2)
    assert held[4] == pytest.approx(0.5 * 0.5)
    assert held[5] == pytest.approx(0.5)


def test_who_is_outside_has_none_and_who_no_pair_holds_has_little(held: np.ndarray) -> None:
    assert held[6] == 0
    assert held[7] == pytest.approx(0.25)
