"""A body, received in bounded memory: looked at, digested, sealed and written while it comes.

receive() ─▶ 256 KiB ─▶ a thread: Upload.write ─▶ … ─▶ Upload.finish
    │ too long, too slow, torn, not what it says, disk full
    └─▶ Upload.abandon, Refusal
"""

import asyncio
from concurrent.futures import Executor

from collectors.events.answers import Refusal
from collectors.media import sniff
from collectors.media.asking import Asked
from lakehouse.media.writing import Upload, Written

PIECE_BYTES = 256 * 1024
IDLE_S = 30.0
_DISCARD_BYTES = 8 * 1024 * 1024
_DISCARD_S = 5.0


async def received(asked: Asked, upload: Upload, receive, threads: Executor) -> Written:
    """Raises Refusal, and what Upload raises; then nothing of it is left."""
    loop, pending, size, is_sniffed = asyncio.get_running_loop(), bytearray(), 0, False
    try:
        more = True
        while more:
            data, more = await _next(receive)
            size += len(data)
            if size > asked.max_bytes:
                raise Refusal(413, "too_large", f"at most {asked.max_bytes} bytes")
            pending += data
            if not is_sniffed and (len(pending) >= sniff.HEAD_BYTES or not more):
                is_sniffed = _sniffed(asked, pending)
            if len(pending) >= PIECE_BYTES or (not more and pending):
                piece, pending = bytes(pending), bytearray()
                await loop.run_in_executor(threads, upload.write, piece)
        return await loop.run_in_executor(threads, upload.finish)
    except BaseException:
        # Also where the server ends, or the client goes away: whoever sent it was not told that it is kept.
        await asyncio.shield(loop.run_in_executor(threads, upload.abandon))
        raise


class Incoming:
    """A request's body as it comes: ASGI's `receive`, which knows whether all of it has come."""

    def __init__(self, receive) -> None:
        self._receive = receive
        self.is_over = False

    async def __call__(self) -> dict:
        message = await self._receive()
        self.is_over = not message.get("more_body", False)
        return message


async def discard(receive: Incoming) -> None:
    """Read what is still coming, for a while, keeping none: a client that is writing does not see an answer."""
    left = _DISCARD_BYTES
    try:
        async with asyncio.timeout(_DISCARD_S):
            while not receive.is_over and left > 0:
                data, _ = await _next(receive)
                left -= len(data)
    except (TimeoutError, Refusal):
        return  # it is refused anyway


async def _next(receive) -> tuple[bytes, bool]:
    try:
        async with asyncio.timeout(IDLE_S):
            message = await receive()
    except TimeoutError:
        raise Refusal(408, "too_slow", f"nothing came for {IDLE_S:.0f} s: send it again") from None
    if message["type"] == "http.disconnect":
        raise Refusal(400, "incomplete", "the client went away in mid-request")
    return message.get("body", b""), message.get("more_body", False)


def _sniffed(asked: Asked, head: bytearray) -> bool:
    if not sniff.begins_as(asked.content_type, bytes(head[: sniff.HEAD_BYTES])):
        raise Refusal(415, "not_as_declared", f"these bytes do not begin as {asked.content_type} does")
    return True
