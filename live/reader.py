"""The reading end: cells of partitions, and whether the figures are complete. Asynchronous, for the server."""

from collections.abc import Iterable
from enum import StrEnum

import redis.asyncio as redis

from live import keys


class State(StrEnum):
    """What may be said of the figures as a whole."""

    COMPLETE = "complete"
    REBUILDING = "rebuilding"  # Redis lost figures; they are being brought back
    AWAY = "away"  # Redis cannot be reached: what was sent last may be old


class Reader:
    """Raises redis.RedisError where Redis is away."""

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, socket_timeout=5, socket_connect_timeout=2)

    async def cells(self, partition: str, minutes: Iterable[int]) -> dict[int, dict[bytes, bytes]]:
        """Each of these minutes; an empty cell where there is nothing."""
        wanted = list(minutes)
        async with self.client.pipeline(transaction=False) as pipeline:
            for minute in wanted:
                pipeline.hgetall(keys.cell(partition, minute))
            return dict(zip(wanted, await pipeline.execute()))

    async def state(self) -> State:
        said = await self.client.hget(keys.EPOCH, "state")
        return State.COMPLETE if said == b"complete" else State.REBUILDING

    async def close(self) -> None:
        await self.client.aclose()
