"""Boards that somebody watches, and the changes that reach them.

    Redis: live:changes ─▶ dirty cells ─ every few 100 ms ─▶ Board.update ─▶ Delta ─▶ each subscriber
                 connection lost, or a new minute ─▶ every board reads all of its cells again

A change is never added to what a subscriber has: it says which cells to read. So a change that was missed costs time,
and never a figure.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from typing import Protocol

import redis.asyncio as redis

from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry
from lakehouse.log import get_log
from live import keys
from live.board import Board, Delta, Row
from live.metrics import ServerMetrics
from live.reader import Reader, State

_PAUSE_S = 0.5
log = get_log(__name__)


class Subscriber(Protocol):
    """Somebody who is told. Must not block, and must not raise."""

    def changed(self, delta: Delta) -> None: ...


class _Watched:
    """A board with those who watch it. The lock orders snapshots and deltas."""

    def __init__(self, board: Board) -> None:
        self.board = board
        self.lock = asyncio.Lock()
        self.subscribers: set[Subscriber] = set()
        self.dirty: set[int] = set()
        self.is_stale = True  # everything is to be read again


class Hub:
    """Of one server process."""

    def __init__(self, contracts: Registry, reader: Reader, window_minutes: int, push_ms: float, metrics: ServerMetrics) -> None:
        self._contracts = contracts
        self._reader = reader
        self._window = window_minutes
        self._push_s = push_ms / 1000
        self._metrics = metrics
        self._watched: dict[tuple[str, tuple], _Watched] = {}
        self._tasks: list[asyncio.Task] = []
        self.state = State.AWAY

    async def open(self) -> None:
        self._tasks = [asyncio.create_task(self._again_and_again(work)) for work in (self._listen, self._push)]

    async def close(self) -> None:
        running = set(self._tasks)
        while running:
            # Again and again: where a connection breaks in the same moment, redis-py turns the cancellation into an error of its own.
            for task in running:
                task.cancel()
            _, running = await asyncio.wait(running, timeout=_PAUSE_S)
        await self._reader.close()

    async def subscribe(self, view: Contract, values: Sequence, subscriber: Subscriber) -> list[Row]:
        """The rows now; every later change goes to `subscriber`. Raises redis.RedisError."""
        key = view.id, tuple(values)
        watched = self._watched.get(key)
        if watched is None:
            watched = self._watched[key] = _Watched(Board(self._contracts, view, values))
        async with watched.lock:
            watched.subscribers.add(subscriber)
            try:
                if watched.is_stale:
                    await self._refresh(watched)
            except redis.RedisError:
                self.unsubscribe(view, values, subscriber)
                raise
            return list(watched.board.rows.values())

    def unsubscribe(self, view: Contract, values: Sequence, subscriber: Subscriber) -> None:
        key = view.id, tuple(values)
        if watched := self._watched.get(key):
            watched.subscribers.discard(subscriber)
            if not watched.subscribers:
                del self._watched[key]

    async def snapshot(self, view: Contract, values: Sequence) -> list[Row]:
        """The rows as Redis has them now. Raises redis.RedisError."""
        watched = _Watched(Board(self._contracts, view, values))
        await self._refresh(watched)
        return list(watched.board.rows.values())

    async def _refresh(self, watched: _Watched) -> Delta:
        """Read what is dirty, or everything."""
        minutes = watched.board.minutes(int(time.time() // 60), self._window)
        is_stale, dirty = watched.is_stale, watched.dirty
        watched.is_stale, watched.dirty = False, set()
        try:
            fresh = await self._reader.cells(watched.board.partition, minutes if is_stale else dirty)
        except redis.RedisError:
            watched.is_stale = True
            raise
        return watched.board.update(fresh, minutes)

    async def _push(self) -> None:
        minute = 0
        while True:
            await asyncio.sleep(self._push_s)
            began, now = time.perf_counter(), int(time.time() // 60)
            self.state = await self._reader.state()
            self._metrics.redis_up.set(1)
            for watched in list(self._watched.values()):
                if now != minute:
                    watched.is_stale = True
                if watched.is_stale or watched.dirty:
                    await self._push_one(watched)
            minute = now
            self._metrics.push_s.observe(time.perf_counter() - began)

    async def _push_one(self, watched: _Watched) -> None:
        async with watched.lock:
            delta = await self._refresh(watched)
            if delta:
                for subscriber in list(watched.subscribers):
                    subscriber.changed(delta)

    async def _listen(self) -> None:
        async with self._reader.client.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(keys.CHANGES)
            for watched in self._watched.values():
                watched.is_stale = True  # what changed while nobody listened
            while True:
                message = await channel.get_message(timeout=30)
                if message is not None:
                    self._mark(message["data"].decode())

    def _mark(self, changes: str) -> None:
        changed: dict[str, set[int]] = {}
        for name in changes.split():
            partition, _, minute = name.rpartition(":")
            changed.setdefault(partition, set()).add(int(minute))
        for watched in self._watched.values():
            watched.dirty |= changed.get(watched.board.partition, set())

    async def _again_and_again(self, work: Callable) -> None:
        """While Redis is away nothing changes that could be told; once it is back, everything is read again."""
        while True:
            try:
                await work()
            except redis.RedisError as error:
                self.state = State.AWAY
                self._metrics.redis_up.set(0)
                log.warning("live_redis_away", error=error)
                await asyncio.sleep(_PAUSE_S)
