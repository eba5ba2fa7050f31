"""What people decided of a cluster, on its page: who said what of whom, what counts already, and what was undone."""

from __future__ import annotations

from bs4 import Tag

from graphsvc.cases.decisions import Wish
from graphsvc.cases.relations import merged, split
from tests.links.worlds import DAY_MS, START_MS
from tests.ui.conftest import Site, soup
from tests.ui.world import FARM, HOSTILE, RELAY

BEFORE_MS, LATER_MS = START_MS, START_MS + 9 * DAY_MS


def section(pages: Site, account: str) -> Tag:
    found = soup(pages.client().get(f"/clusters/{pages.cluster(account)}").text).select_one("section.decisions")
    assert found is not None
    return found


def said(one: Tag) -> str:
    return " ".join(one.get_text(" ").split())


def test_a_cluster_of_which_nobody_decided_anything_tells_how_to(pages: Site) -> None:
    shown = section(pages, FARM[0])
    assert "Nobody has decided anything" in shown.text
    assert f"POST /v1/clusters/{pages.cluster(FARM[0])}/decisions" in shown.text


def test_decisions_stand_newest_first_with_who_made_them(pages: Site) -> None:
    key = pages.keys.list()[0].id
    farm, relay = pages.cluster(FARM[0]), pages.cluster(RELAY[0])
    pages.decisions.keep(Wish("note", farm, key, note=HOSTILE), [], BEFORE_MS)
    apart = pages.decisions.keep(Wish("split", farm, key), split([FARM[:4], FARM[4:9], FARM[9:]]), BEFORE_MS + 1)
    pages.decisions.undo(apart.id, BEFORE_MS + 2, key)
    pages.decisions.keep(Wish("merge", farm, "revoked", other=relay), merged([*FARM, *RELAY]), LATER_MS)
    merge, parted, note = section(pages, FARM[0]).select("ol.links > li")
    assert said(merge).startswith("Merge 40 accounts belong together: ")
    assert [str(link["href"]) for link in merge.select("a")] == [f"/clusters/{farm}", f"/clusters/{relay}"]
    assert "From the next detection on" in merge.text
    assert "revoked" in merge.text
    assert "and 20 more" in said(merge)
    assert "4, 5 and 7 accounts do not belong together." in said(parted)
    assert parted["class"] == ["undone"]
    assert "undone" in said(parted)
    assert "by analyst" in said(parted)
    assert "next detection" not in parted.text
    assert note.select_one("q").text == HOSTILE  # type: ignore[union-attr]
    assert said(section(pages, RELAY[0])).startswith("Decisions Merge 40 accounts")


def test_of_many_decisions_the_newest_are_shown(pages: Site) -> None:
    farm = pages.cluster(FARM[0])
    for number in range(23):
        pages.decisions.keep(Wish("note", farm, "key", note=f"note {number}"), [], BEFORE_MS + number)
    shown = section(pages, FARM[0])
    assert [one.text for one in shown.select("q")] == [f"note {number}" for number in range(22, 2, -1)]
    assert "Older ones" in shown.text
