"""HTTP on a connection: uvicorn's own protocol, with the limits that keep strangers from filling the memory.

    connection ─▶ too many? ─▶ 503          request line and headers ─▶ too long? ─▶ 431
    first byte ─▶ not all there in time? ─▶ 408          requests sent ahead of their answers ─▶ too many? ─▶ closed

What is no HTTP gets 400. All answers are JSON of the shape that answers.py gives; nothing of a request is told back.
"""

from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from collectors.events.answers import Refusal
from collectors.media.app import MEDIA_PATH

MAX_HEAD_BYTES = 64 * 1024
_MOST_AHEAD = 64
_NEVER = float("inf")


def limited(most_connections: int, within_s: float) -> type[HttpToolsProtocol]:
    """The protocol of a server that holds at most so many connections, and waits so long for a whole request."""
    return type("LimitedProtocol", (Protocol,), {"most_connections": most_connections, "within_s": within_s})


class Protocol(HttpToolsProtocol):
    """`due_at` is when the request that is coming in, or the connection's first one, has to be there."""

    most_connections: int
    within_s: float

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.due_at = self.loop.time() + self.within_s
        self._answering: RequestResponseCycle | None = None
        self._is_ending = False
        self._is_upload = False
        self._is_in_head = False
        self._head_bytes = 0

    @property
    def _is_over(self) -> bool:
        """Nothing that still comes in is read."""
        return self._is_ending or self.transport.is_closing()

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > self.most_connections:
            self._end_with(Refusal(503, "busy", "too many connections; come again later", retry_after_s=1))

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            return
        super().data_received(data)
        if self._is_in_head and not self._is_over:
            self._head_bytes += len(data)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._end_with(Refusal(431, "headers_too_large", f"a request's line and headers hold at most {MAX_HEAD_BYTES} bytes"))

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.due_at = self.loop.time() + self.within_s
        self._is_in_head = True
        self._is_upload = False
        self._head_bytes = 0

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        if self._is_over:
            return
        if len(self.pipeline) >= _MOST_AHEAD:
            self._end_with(Refusal(400, "malformed_request", "too many requests sent ahead of their answers"))
        else:
            super().on_headers_complete()
            self._is_upload = self.scope["path"].startswith(MEDIA_PATH)

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def on_body(self, body: bytes) -> None:
        if self._is_upload:
            self.due_at = self.loop.time() + self.within_s  # a video takes as long as it takes, while something comes
        if not self._is_over:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self.due_at = _NEVER
        if not self._is_over:
            super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        self._end_with(Refusal(400, "malformed_request", "this is not HTTP as RFC 9112 has it"))

    def end_if_overdue(self, now: float) -> None:
        """Called about every second for every connection."""
        if now > self.due_at and not self._is_over:
            self.due_at = _NEVER
            if self.cycle is None and not self._is_in_head:
                self.transport.close()  # a connection on which nobody ever said anything
            else:
                self._end_with(Refusal(408, "too_slow", f"the request was not there within {self.within_s:g} s"))

    def connection_lost(self, exc: Exception | None) -> None:
        """uvicorn tells the request that came last; the one being answered may be another."""
        self.pipeline.clear()
        if self._answering is not None:
            self._answering.disconnected = True
            self._answering.message_event.set()
        super().connection_lost(exc)

    def _end_with(self, refusal: Refusal) -> None:
        """Refuse what is coming in, and close. Where an earlier request is still being answered, its answer is the last:
        ours would be taken for it. Whoever gets none sends again."""
        answering = self._answering
        self.pipeline.clear()
        if answering is not None and not answering.response_complete:
            if not answering.more_body or answering.response_started:
                answering.keep_alive = False
                self._is_ending = True
                self.transport.pause_reading()
                return
            answering.disconnected = True
            answering.message_event.set()
        elif answering is not None and answering.more_body and not self._is_in_head:
            self.transport.close()  # it was answered before it was whole, and is not answered twice
            return
        answer = refusal.answer()
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", b"%d" % len(answer.body)),
            *(header for header in answer.headers if header[0] != b"connection"),
            (b"connection", b"close"),
        ]
        lines = [STATUS_LINE[answer.status], *(b"%b: %b\r\n" % header for header in headers), b"\r\n", answer.body]
        self.transport.write(b"".join(lines))
        self.transport.close()
