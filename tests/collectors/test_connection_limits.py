"""What a stranger may not do on a connection, over a socket: each limit has its answer, and no answer goes astray."""

import json
import socket
import time

import pytest
from sample_events import HOST, started, text

from tests.collectors.conftest import Running, arrived

CONNECTIONS = 20


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Running:
    collector = Running(tmp_path_factory.mktemp("home"), collector_request_seconds=1, collector_connections=CONNECTIONS)
    yield collector
    collector.client.close()
    assert collector.stop() == 0
    assert collector.errors.read_text() == ""


def connect(running: Running) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(running.address.rpartition(":")[2])), timeout=20)


def request(*events: dict, more: bytes = b"") -> bytes:
    body = text(*events)
    return (
        b"POST /v1/events HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\n%bContent-Length: %d\r\n\r\n"
        % (
            HOST.encode(),
            more,
            len(body),
        )
        + body
    )


def answers(one: socket.socket) -> list[tuple[int, dict]]:
    """All until the server closes."""
    said, found = b"", []
    while piece := one.recv(65_536):
        said += piece
    one.close()
    while said:
        head, _, rest = said.partition(b"\r\n\r\n")
        length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
        found.append((int(head.split(b" ")[1]), json.loads(rest[:length])))
        said = rest[length:]
    return found


def sent(running: Running, *pieces: bytes) -> list[tuple[int, str | None]]:
    one = connect(running)
    for piece in pieces:
        one.sendall(piece)
    return [(status, answer.get("code")) for status, answer in answers(one)]


def test_a_head_without_end(running: Running) -> None:
    assert sent(running, b"POST /v1/events HTTP/1.1\r\n", *[b"X: %b\r\n" % (b"a" * 8_000)] * 9) == [(431, "headers_too_large")]
    assert sent(running, b"GET /" + b"a" * 70_000) == [(431, "headers_too_large")]


def test_no_http(running: Running) -> None:
    assert sent(running, b"\x16\x03\x01 hello\r\n\r\n") == [(400, "malformed_request")]


@pytest.mark.parametrize("part", [b"POST /v1/ev", request(started())[:-5]])
def test_a_request_that_is_never_whole(running: Running, part: bytes) -> None:
    began = time.monotonic()
    assert sent(running, part) == [(408, "too_slow")]
    assert time.monotonic() - began > 1


def test_an_upload_may_take_longer_while_something_comes(running: Running) -> None:
    for path, codes in ((b"/v1/events", [408]), (b"/v1/media/clip", [])):
        one = connect(running)
        one.sendall(b"POST %b HTTP/1.1\r\nHost: %b\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n" % (path, HOST.encode()))
        one.settimeout(0.4)
        said = b""
        for _ in range(8):
            try:
                one.sendall(b" ")
                said += one.recv(1_000)
            except TimeoutError:
                continue
            except ConnectionError:
                break
        one.close()
        assert [code for code in (408,) if b" %d " % code in said] == codes, said


def test_a_connection_on_which_nobody_speaks_is_closed(running: Running) -> None:
    assert sent(running) == []


def test_more_connections_than_allowed(running: Running) -> None:
    opened = [connect(running) for _ in range(CONNECTIONS + 5)]
    one = connect(running)
    assert [(status, answer["code"]) for status, answer in answers(one)] == [(503, "busy")]
    for other in opened:
        other.close()
    deadline = time.monotonic() + 20
    while running.client.get("/healthz").status_code != 200:
        assert time.monotonic() < deadline


def test_what_follows_a_good_request_does_not_take_its_answer(running: Running) -> None:
    """A 400 in place of its 202 would have the sender mend what is accepted already."""
    for following in (b"\x00\x00\r\n\r\n", b"GET /" + b"a" * 70_000):
        event = started()
        assert sent(running, request(event) + following) == [(202, None)]
        assert arrived(running.home)[event["event_id"]] == 1


def test_requests_ahead_of_their_answers_are_answered_in_turn_up_to_a_limit(running: Running) -> None:
    few = [request(started(), more=b"Connection: close\r\n" if n == 29 else b"") for n in range(30)]
    assert sent(running, b"".join(few)) == [(202, None)] * 30
    many = sent(running, b"".join(request(started()) for _ in range(300)))
    assert 0 < len(many) < 300 and set(many) == {(202, None)}
