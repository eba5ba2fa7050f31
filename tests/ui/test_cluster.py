"""The page of one cluster: facts, evidence, counter-evidence, members, picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from graphsvc.clusters.results import ResultsReader
from graphsvc.graph.picture import ClusterGraph, Edge, Node
from graphsvc.ui.picture import HEIGHT, WIDTH
from graphsvc.ui.picture import drawn as picture
from tests.ui.conftest import Site, site, soup
from tests.ui.world import FARM, HOSTILE, LARGE, RELAY, RUDE


def test_evidence_and_counter_evidence_stand_apart(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    assert [one.text for one in page.select("ol.evidence strong")] == ["Payment instrument", "Device", "Referral code"]
    widths = [float(str(one["width"])) for one in page.select(".bits rect.fill")]
    assert max(widths) == 100
    assert len(widths) == 3
    against = page.select_one("section.against")
    assert against is not None
    assert "Network address" in against.text
    assert "not a proof" in against.text
    assert "of 16" in page.select_one(".facts dl").text  # type: ignore[union-attr]


def test_a_piece_of_evidence_leads_to_all_clusters_with_it(pages: Site) -> None:
    browser = pages.client()
    for account in (FARM[0], RUDE[0]):
        page = soup(browser.get(f"/clusters/{pages.cluster(account)}").text)
        link = page.select_one("ol.evidence a")
        assert link is not None
        found = soup(browser.get(str(link["href"])).text).select("table.queue a")
        assert [one["href"] for one in found] == [f"/clusters/{pages.cluster(account)}"]


def test_without_a_graph_database_the_page_says_so_and_is_whole(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    assert "There is no picture now." in page.text
    assert not page.select("svg.graph")
    assert len(page.select("table.members tbody tr")) == 16


def test_a_cluster_that_the_graph_has_not_taken_in_yet(tmp_path: Path, reader: ResultsReader) -> None:
    empty = site(tmp_path, reader, lambda cluster_id, _: ClusterGraph(cluster_id, (), (), False))
    assert "not taken in this cluster yet" in empty.client().get(f"/clusters/{empty.cluster(FARM[0])}").text


def test_the_picture_shows_accounts_identifiers_and_links(drawn: Site) -> None:
    page = soup(drawn.client().get(f"/clusters/{drawn.cluster(RELAY[0])}").text)
    assert len(page.select("svg.graph circle.account")) == 24
    assert [one.text for one in page.select("svg.graph text")] == ["Conversation · 14", "Device · 14", "API key · 5"]
    assert len(page.select("svg.graph .lines path")) == 33
    assert len(page.select("circle.labelled")) == 1 + 1  # one account, and the legend


def test_members_come_likeliest_first_in_pages(pages: Site) -> None:
    browser, cluster_id = pages.client(), pages.cluster(LARGE[0])
    seen, chances = [], []
    for number in range(1, 11):
        page = soup(browser.get(f"/clusters/{cluster_id}?page={number}").text)
        names = [one.text for one in page.select("table.members code")]
        chances += [pages.reader.account(name).probability for name in names]
        seen += names
    assert sorted(seen) == LARGE
    assert chances == sorted(chances, reverse=True)
    assert "Page 10 of 10" in page.text
    assert not page.select("a[rel=next]")


@pytest.mark.parametrize("wrong", ["0", "11", "-1", "x", "²", "9" * 40])
def test_a_page_that_is_not_there(pages: Site, wrong: str) -> None:
    address = f"/clusters/{pages.cluster(LARGE[0])}"
    assert pages.client().get(address, query_string={"page": wrong}).status_code == 422


def test_hostile_ids_stay_text(drawn: Site) -> None:
    text = drawn.client().get(f"/clusters/{drawn.cluster(RUDE[0])}").text
    assert "<script" not in text
    page = soup(text)
    assert sorted(one.text for one in page.select("table.members code")) == RUDE
    assert page.select_one("ol.evidence code")["title"] == HOSTILE  # type: ignore[index]


def test_places_are_inside_the_picture_and_always_the_same() -> None:
    nodes = (*(Node(f"account:{n}", "account", str(n)) for n in range(60)), Node("ip:x", "ip", "x"))
    edges = tuple(Edge(f"account:{n}", "ip:x", "SEEN_ON", 0, 0, 1) for n in range(50))
    graph = ClusterGraph("c", nodes, (*edges, Edge("account:1", "account:2", "invited", 0, 0, 1), _dangling()), False)
    first = picture(graph)
    assert first == picture(graph)
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in (*first.accounts, *first.identifiers))
    assert first.identifiers[0].links == 50
    assert [line.peer for line in first.lines] == [False] * 50 + [True]


@pytest.mark.parametrize("count", [1, 2])
def test_a_picture_of_few(count: int) -> None:
    nodes = tuple(Node(f"account:{n}", "account", str(n)) for n in range(count))
    dots = picture(ClusterGraph("c", nodes, (), False)).accounts
    assert all(0 < dot.x < WIDTH and 0 < dot.y < HEIGHT for dot in dots)


def _dangling() -> Edge:
    return Edge("account:1", "device:not-shown", "USES_DEVICE", 0, 0, 1)


def test_what_was_taken_is_said_in_a_sentence_and_in_tables(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    taken = page.select_one("section.taken")
    assert taken is not None
    assert taken.select("p")[0].text.startswith(
        "In 2 weeks 16 accounts took 900 exchanges, 1.8 million output tokens, mostly code (68%) and mathematics (22%), "
        "most asking for step-by-step reasoning, from model-x and "
    )
    assert [row.text for row in taken.select("table.weeks td.n")] == ["300", "600,000", "600", "1.2 million"]
    assert [one["width"] for one in taken.select("table.weeks rect.fill")] == ["50.0", "100.0"]
    assert "Breadth 0.8 bits, uniformity 0.90" in taken.text
    assert HOSTILE in taken.text
    assert not taken.select("script")


def test_a_cluster_that_took_nothing_says_so(pages: Site) -> None:
    taken = soup(pages.client().get(f"/clusters/{pages.cluster(RELAY[0])}").text).select_one("section.taken")
    assert taken is not None
    assert "No exchange of these accounts is known." in taken.text
    assert not taken.select("table")
