"""What holds of every page: nothing from elsewhere, no script, a language, labels; and errors as pages."""

from __future__ import annotations

import re

import pytest

from tests.ui.conftest import Site, soup
from tests.ui.world import FARM

HTML = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def every_page(site: Site) -> dict[str, str]:
    browser = site.client()
    paths = ["/", "/?innocent=1&sort=size", f"/clusters/{site.cluster(FARM[0])}", "/drift", "/docs", "/login"]
    paths.append("/nowhere")
    return {path: browser.get(path, headers=HTML).text for path in paths}


def test_nothing_comes_from_elsewhere(drawn: Site) -> None:
    for path, text in every_page(drawn).items():
        for one in soup(text).select("[src], [href], [action]"):
            target = one.get("src") or one.get("href") or one.get("action")
            assert re.match(r"/(?!/)|#", str(target)), (path, target)
        assert "http" not in text.replace("http://localhost", "").replace('aria-label="HTTP', ""), path


def test_the_content_policy_holds_without_exceptions(drawn: Site) -> None:
    for path, text in every_page(drawn).items():
        page = soup(text)
        assert not page.select("script, style, [style], iframe, object, embed"), path
        assert not [one for one in page.find_all(True) for name in one.attrs if name.startswith("on")], path
    headers = drawn.client().get("/").headers
    assert "default-src 'self'" in headers["Content-Security-Policy"]
    assert headers["Cache-Control"] == "no-store"


def test_pages_can_be_read_aloud_and_walked_by_keys(drawn: Site) -> None:
    for path, text in every_page(drawn).items():
        page = soup(text)
        assert page.html is not None
        assert page.html["lang"] == "en"
        assert len(page.select("h1")) == 1, path
        assert len({one["id"] for one in page.select("[id]")}) == len(page.select("[id]")), path
        for field in page.select("input:not([type=hidden]), select"):
            assert page.select(f"label[for={field['id']}]"), (path, field)
        for image in page.select("svg:not([aria-hidden]):not([role=img])"):
            raise AssertionError((path, image))
        assert all(one.get("scope") for one in page.select("th")), path


def test_styles_and_the_mark_are_there_without_signing_in(pages: Site) -> None:
    stranger = pages.app.test_client()
    for name in ("style.css", "mark.svg"):
        with stranger.get(f"/static/{name}") as answer:
            assert answer.status_code == 200
            assert b"url(" not in answer.data


@pytest.mark.parametrize("path", ["/nowhere", "/clusters/nobody"])
def test_what_is_not_there_is_a_page_to_a_browser_and_a_problem_to_others(pages: Site, path: str) -> None:
    browser = pages.client()
    page = browser.get(path, headers=HTML)
    assert (page.status_code, page.mimetype) == (404, "text/html")
    assert "Not found" in page.text
    assert "Sign out" in page.text
    problem = browser.get(path, headers={"Accept": "*/*"})
    assert (problem.status_code, problem.mimetype) == (404, "application/problem+json")


def test_the_api_answers_browsers_as_all_others(pages: Site) -> None:
    assert pages.client().get("/v1/nowhere", headers=HTML).mimetype == "application/problem+json"
