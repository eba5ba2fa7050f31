"""The queue: what it lists, in which order, and how it is narrowed down."""

from __future__ import annotations

from pathlib import Path

import pytest
from bs4 import BeautifulSoup, Tag
from flask.testing import FlaskClient

from graphsvc.clusters.results import ResultsReader
from tests.ui.conftest import Site, site, soup
from tests.ui.world import FARM, HOSTILE, OFFICE, RELAY, SMALL, UNKNOWN


def rows(page: BeautifulSoup) -> list[Tag]:
    return page.select("table.queue tbody tr")


def kinds(browser: FlaskClient, query: str) -> list[str]:
    answer = browser.get(f"/?{query}")
    assert answer.status_code == 200
    return [row.select_one(".kind").text for row in rows(soup(answer.text))]  # type: ignore[union-attr]


def test_a_cluster_is_listed_with_its_facts_and_first_reason(pages: Site) -> None:
    page = soup(pages.client().get("/").text)
    row = next(one for one in rows(page) if "Trial farm" in one.text)
    assert [cell.text.strip() for cell in row.select("td.n")] == ["16", "0", "2"]
    assert row.select_one(".value").text == "97%"  # type: ignore[union-attr]
    assert row.select_one("svg.interval")["aria-label"] == "97%, between 85% and >99%"  # type: ignore[index]
    assert "12 of 16 accounts pay with the same instrument; nobody else does" in row.text
    assert row.select_one(".status").text == "Open"  # type: ignore[union-attr]
    assert row.select_one("a")["href"] == f"/clusters/{pages.cluster(FARM[0])}"  # type: ignore[index]


def test_the_last_run_is_told(pages: Site) -> None:
    facts = soup(pages.client().get("/").text).select_one("dl.run")
    assert facts is not None
    assert facts.select_one("code")["title"] == "m-2026-11-21-1a2b3c4d"  # type: ignore[index]
    accounts = len(pages.reader.accounts())
    assert f"{accounts:,}" in facts.text
    assert "2025-06-17" in facts.text


def test_innocent_clusters_are_shown_by_the_switch(pages: Site) -> None:
    browser = pages.client()
    assert not {"Household", "Shared organisation"} & set(kinds(browser, "min_size=3"))
    assert kinds(browser, "innocent=1&min_size=5&status=dismissed") == ["Shared organisation"]
    assert kinds(browser, "kind=household") == ["Household"]
    assert "checked" in soup(browser.get("/?innocent=1").text).select_one("#innocent").attrs  # type: ignore[union-attr]


def test_filters_and_order(pages: Site) -> None:
    browser = pages.client()
    assert kinds(browser, "kind=trial_farm&status=&min_size=") == ["Trial farm"]
    assert kinds(browser, "status=confirmed") == ["Resale relay"]
    assert kinds(browser, "min_probability=0.9") == ["Distillation", "Trial farm", "Resale relay"]
    assert kinds(browser, "min_size=10&sort=size") == ["Distillation", "Resale relay", "Trial farm"]
    assert kinds(browser, "sort=growth&min_size=10") == ["Distillation", "Resale relay", "Trial farm"]
    assert kinds(browser, "identifier=referral_code:WELCOME50") == ["Trial farm"]
    assert kinds(browser, "min_size=99999") == []
    assert "No cluster is like that" in browser.get("/?min_size=99999").text


def test_pages_follow_each_other_and_keep_the_filter(pages: Site) -> None:
    browser = pages.client()
    address, seen = "/?kind=stolen_account&sort=size", []
    while address:
        page = soup(browser.get(address).text)
        seen += [row.select_one("a")["href"] for row in rows(page)]  # type: ignore[index]
        following = page.select_one("a[rel=next]")
        address = str(following["href"]) if following else ""
    assert sorted(seen) == sorted(f"/clusters/{pages.cluster(group[0])}" for group in SMALL)


@pytest.mark.parametrize("query", ["sort=id", "min_size=x", "min_probability=7", "cursor=x", "innocent=maybe"])
def test_what_the_queue_cannot_show_is_said_on_a_page(pages: Site, query: str) -> None:
    answer = pages.client().get(f"/?{query}", headers={"Accept": "text/html"})
    assert answer.status_code == 422
    assert answer.mimetype == "text/html"


def test_hostile_names_stay_text(pages: Site) -> None:
    text = pages.client().get("/?kind=other_abuse").text
    assert "<script" not in text
    assert "&lt;script&gt;" in text
    hostile = pages.client().get("/", query_string={"identifier": f"{HOSTILE}:{HOSTILE}"})
    assert "<script" not in hostile.text
    assert len(rows(soup(hostile.text))) == 1


def test_without_a_run_the_page_says_what_to_do(tmp_path: Path) -> None:
    answer = site(tmp_path, ResultsReader(tmp_path / "none.sqlite")).client().get("/")
    assert answer.status_code == 200
    assert "graphsvc detect" in answer.text


def test_what_people_decided_is_shown(pages: Site) -> None:
    browser = pages.client()
    for account, status in ((RELAY[0], "Confirmed"), (OFFICE[0], "Dismissed")):
        page = soup(browser.get(f"/clusters/{pages.cluster(account)}").text)
        assert page.select_one(".facts .status").text == status  # type: ignore[union-attr]


def test_what_the_model_cannot_tell_is_marked(pages: Site) -> None:
    browser = pages.client()
    listed = rows(soup(browser.get("/?min_size=5").text))
    marked = [row for row in listed if row.select_one(".unknown")]
    assert [row.select_one("a")["href"].split("/")[-1] for row in marked] == [pages.cluster(UNKNOWN)]  # type: ignore[index, union-attr]
    assert "Not known" in soup(browser.get(f"/clusters/{pages.cluster(UNKNOWN)}").text).get_text()
    assert "Not known" not in soup(browser.get(f"/clusters/{pages.cluster(FARM[0])}").text).get_text()
