"""What the collector answers: one shape for events with verdicts, one for requests refused whole.

Admission ─▶ 202 all accepted │ 207 some │ 400 none
Refusal   ─▶ 400 401 403 405 408 413 415 421 429 431 503 507, with a code, and a sentence that holds nothing of the request
"""

from dataclasses import dataclass

import msgspec

from lakehouse.admission import Admission

JSON = (b"content-type", b"application/json")
_encode = msgspec.json.Encoder().encode


@dataclass(frozen=True, slots=True)
class Answer:
    """A response: status, headers, body."""

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()

    async def send(self, send, more: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        """As ASGI messages. `more`: headers that have nothing to do with the answer itself."""
        content = [JSON, (b"content-length", b"%d" % len(self.body))] if self.status != 204 else []
        headers = [*content, *self.headers, *more]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Refusal(Exception):
    """The whole request is refused, before or instead of verdicts on its events."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        position: int | None = None,
        retry_after_s: int | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.position = position
        self.retry_after_s = retry_after_s
        self.headers = headers

    def answer(self) -> Answer:
        told = {"code": self.code, "message": str(self)}
        if self.position is not None:
            told["position"] = self.position
        headers = self.headers if self.retry_after_s is None else ((b"retry-after", b"%d" % self.retry_after_s), *self.headers)
        if self.status == 405:
            headers = ((b"allow", b"POST, OPTIONS"),)
        if self.status == 413:
            headers = ((b"connection", b"close"),)  # there may be more of the body than anybody wants to read
        return Answer(self.status, _encode(told), headers)


def answer(admission: Admission) -> Answer:
    """Call it once what was admitted is durable."""
    accepted = admission.accepted
    if accepted == admission.size:
        return Answer(202, b'{"accepted":%d,"rejected":0}' % accepted)
    told = {"accepted": accepted, "rejected": len(admission.rejected), "results": _results(admission)}
    return Answer(207 if accepted else 400, _encode(told))


def _results(admission: Admission) -> list[dict]:
    results = []
    for index, event_id in enumerate(admission.event_ids):
        result = {"index": index, "event_id": event_id, "status": "accepted"}
        if rejection := admission.rejected.get(index):
            result |= {"status": "rejected", "code": rejection.code, "field": rejection.field}
        results.append(result)
    return results
