"""Requests over sockets, in whole and in pieces: the quick way and the common way say the same."""

from __future__ import annotations

import json

from tests.serving.conftest import Answer, Small, read_answer


def signup(name: str) -> dict[str, object]:
    return {
        "event_id": f"signup of {name}",
        "type": "signup",
        "account_id": name,
        "occurred_at": "2026-03-01T00:00:00Z",
        "signup": {"channel": "web"},
    }


def body(name: str, record: bool = False) -> bytes:
    return json.dumps({"event": signup(name), "record": record}).encode()


def facts(answer: Answer) -> dict[str, object]:
    """What is the same for the same question at another time."""
    assert answer.status == 200
    return {
        name: value for name, value in json.loads(answer.body).items() if name not in ("assessment_id", "latency_ms")
    }


def test_both_ways_give_the_same_answer_and_headers(small: Small) -> None:
    with small.connect() as connection:
        answers = []
        for more in ((), ("Idempotency-Key: one",)):
            connection.sendall(small.request(body("a"), "X-Request-Id: abc", *more))
            answers.append(read_answer(connection))
    quick, common = answers
    assert facts(quick) == facts(common)
    assert quick.headers["x-request-id"] == common.headers["x-request-id"] == "abc"
    changing = ("date", "content-length", "server")
    assert {name: value for name, value in quick.headers.items() if name not in changing} == {
        name: value for name, value in common.headers.items() if name not in changing
    }


def test_a_request_in_pieces_is_answered_when_it_is_whole(small: Small) -> None:
    data = small.request(body("b"))
    with small.connect() as connection:
        for size in (10, len(data) - 60, 30, 20):
            piece, data = data[:size], data[size:]
            connection.sendall(piece)
        assert data == b""
        first = facts(read_answer(connection))
        connection.sendall(small.request(body("b")))
        assert facts(read_answer(connection)) == first


def test_requests_sent_at_once_are_answered_in_turn(small: Small) -> None:
    names = ["c", "d", "e"]
    with small.connect() as connection:
        connection.sendall(b"".join(small.request(body(name)) for name in names))
        assert [facts(read_answer(connection))["account_id"] for _ in names] == names


def test_a_refusal_leaves_the_connection_open(small: Small) -> None:
    with small.connect() as connection:
        asked = small.request(body("f"))
        for bad, status in (
            (asked.replace(b"Bearer gsk", b"Bearer xxx"), 401),
            (small.request(b'{"event": 1}'), 422),
            (small.request(b"{"), 400),
            (small.request(b'{"account_id": "never seen"}'), 404),
        ):
            connection.sendall(bad)
            refused = read_answer(connection)
            assert (refused.status, refused.headers["content-type"]) == (status, "application/problem+json")
        connection.sendall(asked)
        assert facts(read_answer(connection))["account_id"] == "f"


def test_who_leaves_in_the_middle_disturbs_nobody(small: Small) -> None:
    for size in (0, 5, 60, len(small.request(body("g"))) - 1):
        with small.connect() as connection:
            connection.sendall(small.request(body("g"))[:size])
    with small.connect() as connection:
        connection.sendall(small.request(body("g")))
        assert facts(read_answer(connection))["account_id"] == "g"


def test_what_is_recorded_the_quick_way_counts_and_conflicts(small: Small) -> None:
    with small.connect() as connection:
        connection.sendall(small.request(body("h", record=True)))
        facts(read_answer(connection))
        connection.sendall(small.request(b'{"account_id": "h"}'))
        assert facts(read_answer(connection))["account_id"] == "h"
        other = {"event": signup("h") | {"occurred_at": "2026-03-02T00:00:00Z"}}
        connection.sendall(small.request(json.dumps(other).encode()))
        assert read_answer(connection).status == 409
