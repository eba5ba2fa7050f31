"""The evidence pack, the history and the campaign on the page of a cluster."""

from __future__ import annotations

import re

from tests.ui.conftest import Site, soup
from tests.ui.world import FARM, HOME, HOSTILE, LARGE, OFFICE, RUDE


def test_links_stand_beside_innocent_explanations(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    pack = page.select_one("section.pack")
    assert pack is not None
    assert "16 accounts are held together by 15 links" in pack.text
    assert "no proof" in pack.text
    assert len(pack.select(".columns > div")) == 2
    assert len(pack.select(".tried li")) == 11
    assert len(pack.select("ol.links li")) == 15
    assert [row.select("td")[-1].text for row in pack.select(".discounts tr.soft")] == ["–"]


def test_what_explains_a_cluster_comes_first(pages: Site) -> None:
    for account, name in ((OFFICE[0], "One organisation"), (HOME[0], "A household")):
        page = soup(pages.client().get(f"/clusters/{pages.cluster(account)}").text)
        explaining = [one.select_one("strong").text for one in page.select(".tried li.explains")]  # type: ignore[union-attr]
        assert name in explaining
        assert "An innocent explanation fits" in page.select_one(".pack .sum").text  # type: ignore[union-attr]


def test_the_figures_of_a_discount_multiply_up(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    rows = page.select(".discounts tbody tr:not(.soft)")
    assert len(rows) == 3
    for row in rows:
        rarity, prior, holders, age, bits = (float(cell.text) for cell in row.select("td")[2:7])
        assert abs(rarity * prior * holders * age - bits) < 0.2


def test_a_large_cluster_shows_the_first_links_only(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(LARGE[0])}").text)
    assert len(page.select(".pack details li")) == 95
    assert re.search(r"999 are the fewest that do", page.text)


def test_names_in_a_pack_are_no_markup(pages: Site) -> None:
    text = pages.client().get(f"/clusters/{pages.cluster(RUDE[0])}").text
    assert "<script>alert" not in text
    assert any(HOSTILE in one.text for one in soup(text).select(".pack code"))


def test_the_history_is_told(pages: Site) -> None:
    page = soup(pages.client().get(f"/clusters/{pages.cluster(FARM[0])}").text)
    history = page.select_one("section.history")
    assert history is not None
    assert "First seen as a cluster, of 16 accounts." in history.text
    assert page.select_one("section.campaign") is None
