"""What counts as a plain request: nothing that gunicorn's own parser would read in another way."""

from __future__ import annotations

import io

import pytest
from gunicorn.config import Config
from gunicorn.http.parser import RequestParser
from hypothesis import example, given
from hypothesis import strategies as st

from graphsvc.serving.plain import START, head_of, may_be_plain

BODY = b'{"account_id":"a"}'
HEADERS = (
    b"Host: here",
    b"Content-Type: application/json",
    b"Content-Length: 18",
    b"Authorization: Bearer key",
    b"Connection: keep-alive",
)
ODD = (
    b"Transfer-Encoding: chunked",
    b"transfer-encoding : chunked",
    b"Content-Length: 4",
    b"Content-Length: +18",
    b"Content-Length: 18, 18",
    b"Expect: 100-continue",
    b"X-Long: a\r\n folded",
    b"X-Null: a\0b",
    b"X-Latin: \xe9",
    b"Connection: close",
    b"Connection: upgrade",
    b"Idempotency-Key: one",
    b"Content-Type: text/plain",
    b"Bad Name: x",
    b": nameless",
    b"X-Bare: a\rb",
    b"X-Line: a\nb",
)


def request(headers: tuple[bytes, ...] = HEADERS, start: bytes = START, body: bytes = BODY) -> bytes:
    return start + b"".join(line + b"\r\n" for line in headers) + b"\r\n" + body


def test_a_plain_request_is_read_whole() -> None:
    data = request((*HEADERS, b"X-Request-Id: abc"))
    head = head_of(data)
    assert head is not None
    assert (data[head.end : head.whole], head.authorisation, head.request_id) == (BODY, "Bearer key", "abc")


@pytest.mark.parametrize("odd", ODD)
def test_one_odd_header_sends_it_the_common_way(odd: bytes) -> None:
    assert head_of(request((*HEADERS, odd))) is None
    assert head_of(request((odd, *HEADERS))) is None


@pytest.mark.parametrize(
    "start",
    [
        b"GET /v1/risk HTTP/1.1\r\n",
        b"POST /v1/risk HTTP/1.0\r\n",
        b"POST /v1/risk?a=b HTTP/1.1\r\n",
        b"POST  /v1/risk HTTP/1.1\r\n",
        b"POST /v1/events HTTP/1.1\r\n",
        b"POST /v1/risk HTTP/1.1\n",
    ],
)
def test_another_first_line_is_another_request(start: bytes) -> None:
    assert head_of(request(start=start)) is None
    assert not may_be_plain(request(start=start))


def test_a_beginning_may_become_plain() -> None:
    data = request()
    assert all(may_be_plain(data[:size]) for size in range(len(data)))
    assert head_of(data[: data.index(b"\r\n\r\n")]) is None


@pytest.mark.parametrize("missing", range(1, 3))
def test_length_and_type_are_needed(missing: int) -> None:
    assert head_of(request(HEADERS[:missing] + HEADERS[missing + 1 :])) is None


@example(request())
@given(
    st.tuples(st.permutations([*HEADERS, *ODD]), st.integers(0, 12), st.binary(max_size=30)).map(
        lambda drawn: request(tuple(drawn[0][: drawn[1]]), body=drawn[2])
    )
    | st.tuples(st.integers(0, len(request()) - 1), st.binary(min_size=1, max_size=3)).map(
        lambda drawn: request()[: drawn[0]] + drawn[1] + request()[drawn[0] + 1 :]
    )
)
def test_what_is_plain_is_read_alike_by_the_server(data: bytes) -> None:
    head = head_of(data)
    if head is None or len(data) < head.whole:
        return
    read = next(RequestParser(Config(), io.BytesIO(data), ("127.0.0.1", 1)))
    told = dict(read.headers)
    assert (read.method, read.uri, read.version, read.should_close()) == ("POST", "/v1/risk", (1, 1), False)
    assert read.body.read() == data[head.end : head.whole]
    assert (told.get("AUTHORIZATION", ""), told.get("X-REQUEST-ID", "")) == (head.authorisation, head.request_id)
