"""Who comes in: a good key, a one-time link; and for how long."""

from __future__ import annotations

import pytest

from graphsvc.ui.sessions import LASTS_S, MOST, Sessions
from tests.ui.conftest import TOKEN, Site


def test_strangers_are_sent_to_the_form_and_then_where_they_wanted(pages: Site) -> None:
    browser = pages.app.test_client()
    sent = browser.get("/clusters/c1?page=2")
    assert (sent.status_code, sent.location) == (303, "/login?next=/clusters/c1?page%3D2")
    assert 'value="/clusters/c1?page=2"' in browser.get(sent.location).text
    back = browser.post("/login", data={"key": f" {pages.key}\n", "next": "/clusters/c1?page=2"})
    assert (back.status_code, back.location) == (303, "/clusters/c1?page=2")


@pytest.mark.parametrize("target", ["https://evil.example", "//evil.example", "/\\evil.example", "evil", "/\nx", ""])
def test_the_form_leads_nowhere_else(pages: Site, target: str) -> None:
    answer = pages.app.test_client().post("/login", data={"key": pages.key, "next": target})
    assert answer.location == "/"


def test_the_cookie_is_out_of_reach_and_says_nothing_of_the_key(pages: Site) -> None:
    cookie = pages.app.test_client().post("/login", data={"key": pages.key}).headers["Set-Cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Strict" in cookie
    _, name, secret = pages.key.split("_", 2)
    assert name not in cookie
    assert secret not in cookie
    secure = pages.app.test_client().post("/login", data={"key": pages.key}, base_url="https://localhost")
    assert "Secure" in secure.headers["Set-Cookie"]


def test_wrong_keys_are_refused_and_not_repeated(pages: Site) -> None:
    writer = pages.keys.create("collector", ["write"])
    for key, why in ((pages.key + "x", "not a good key"), ("", "not a good key"), (writer, "lacks the scope read")):
        answer = pages.app.test_client().post("/login", data={"key": key})
        assert answer.status_code == 403
        assert why in answer.text
        assert not key or key not in answer.text
        assert "Set-Cookie" not in answer.headers


def test_signing_out_ends_the_session_on_the_server(pages: Site) -> None:
    browser = pages.client()
    cookie = browser.get_cookie("graphsvc_session")
    assert cookie is not None
    assert browser.post("/logout").location == "/login"
    thief = pages.app.test_client()
    thief.set_cookie("graphsvc_session", cookie.value)
    assert thief.get("/").status_code == 303


def test_revoking_the_key_signs_out(pages: Site) -> None:
    browser = pages.client()
    assert browser.get("/").status_code == 200
    pages.keys.revoke(pages.keys.list()[0].id)
    assert browser.get("/").location == "/login"


def test_a_one_time_link_works_once(pages: Site) -> None:
    browser = pages.app.test_client()
    assert browser.get(f"/enter?token={TOKEN}").location == "/"
    assert browser.get("/").status_code == 200
    again = pages.app.test_client().get(f"/enter?token={TOKEN}", headers={"Accept": "text/html"})
    assert again.status_code == 403
    assert "used before" in again.text
    assert TOKEN not in again.text
    assert pages.app.test_client().get("/enter").status_code == 403


@pytest.mark.parametrize("path", ["/login", "/logout"])
def test_forms_of_other_sites_are_refused(pages: Site, path: str) -> None:
    answer = pages.client().post(path, data={"key": pages.key}, headers={"Sec-Fetch-Site": "cross-site"})
    assert answer.status_code == 403


def test_sessions_end_with_time_and_the_oldest_gives_way() -> None:
    now_s = [0.0]
    sessions = Sessions(lambda: now_s[0])
    first = sessions.begin(lambda: True)
    now_s[0] = LASTS_S - 1
    assert sessions.good(first)
    second = sessions.begin(lambda: True)
    now_s[0] = LASTS_S
    assert not sessions.good(first)
    assert sessions.good(second)
    for _ in range(MOST):
        sessions.begin(lambda: True)
    assert not sessions.good(second)
