"""The cells in Redis: one atomic step a batch, and what keeps it exact.

    Records ─▶ fold ─▶ count.lua ─▶ counted
                 ▲         ├─▶ again: some were known, or are about somebody forgotten; leave them out
                 └─────────┘
                           └─▶ lost: FiguresLost; rebuild from raw

A batch costs one round trip, as a rule.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from time import sleep, time
from typing import Any

import msgspec
import redis

from lakehouse.errors import BusyError, SettingsError
from live import keys
from live.fold import MILLION, Folded, Record, View, fold

MARGIN_MINUTES = 25  # clocks of producers may be ten minutes ahead, ours a little apart
_SCRIPT = Path(__file__).with_name("count.lua")
_FORGOTTEN_KEPT_S = 86_400


# Not to be reached, loading, failing over, without room. Any other answer of Redis is a defect of ours.
AWAY = (redis.ConnectionError, redis.TimeoutError, redis.exceptions.ReadOnlyError, redis.exceptions.OutOfMemoryError)


class FiguresLostError(Exception):
    """Redis holds no figures, or those of a server that has ended since; they are rebuilt from raw."""


@dataclass(frozen=True, slots=True)
class Counted:
    counted: int = 0
    repeated: int = 0
    forgotten: int = 0


def connect(url: str) -> redis.Redis:
    """A client that fails within seconds; whoever calls tries again."""
    return redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=2, health_check_interval=0)


class LiveStore:
    """The writing end. Raises redis.RedisError where Redis is away; then the same records can be counted again."""

    def __init__(self, client: redis.Redis, window_minutes: int) -> None:
        self._redis = client
        self._window = window_minutes
        self._count = client.register_script(_SCRIPT.read_text())
        self._generation_s = (window_minutes + MARGIN_MINUTES) * 60 // (keys.GENERATIONS - 1)

    def count(self, views: Sequence[View], records: Sequence[Record]) -> Counted:
        """Each record once for ever, however often it comes. Raises FiguresLostError."""
        waiting = list({one.digest: one for one in records}.values())
        repeated, forgotten = len(records) - len(waiting), 0
        subjects = {v.contract.subject for v in views if v.contract.subject}
        while waiting:
            people = sorted({pid for one in waiting for pid in _about(one, subjects)})
            digests = b"".join(one.digest for one in waiting)
            said, *told = self._count(args=[self._packed(fold(views, waiting), people), digests])
            if said == b"lost":
                raise FiguresLostError
            if said == b"counted":
                return Counted(len(waiting), repeated, forgotten)
            known, gone = set(told[0]), {pid.decode() for pid in told[1]}
            fresh = [one for place, one in enumerate(waiting) if place not in known]
            repeated += len(known)
            waiting = [one for one in fresh if not gone & _about(one, subjects)]
            forgotten += len(fresh) - len(waiting)
        return Counted(0, repeated, forgotten)

    def _packed(self, folded: Folded, people: list[str]) -> bytes:
        cells = [
            (
                keys.cell(*at),
                self._expires_at(at[1]),
                [str(part) for name, number in cell.adds.items() for part in (name, number)],
                [(name, kept, entries) for name, (kept, entries) in cell.newest.items()],
            )
            for at, cell in folded.cells.items()
        ]
        longest = self._expires_at(int(time() // 60) + MARGIN_MINUTES)
        batch: dict[str, Any] = {
            "people": people,
            "cells": cells,
            "about": [(keys.ABOUT + pid, longest, sorted(places)) for pid, places in folded.about.items()],
            "generation_s": self._generation_s,
            "changes": " ".join(f"{partition}:{minute}" for partition, minute in folded.cells),
        }
        return msgspec.msgpack.encode(batch)

    def _expires_at(self, minute: int) -> int:
        return (minute + self._window + 2) * 60

    # ------------------------------------------------------------------------------------------------ lost and rebuilt

    def begin_rebuild(self, left_alone: Iterable[str]) -> None:
        """From now on batches are counted on this server, while what it lacks is brought back; `left_alone`: about whom nothing is."""
        for pid in left_alone:
            self.leave_alone(pid)
        self._redis.hset(keys.EPOCH, mapping={"run_id": self._run_id(), "state": "rebuilding", "since": int(time())})

    def finish_rebuild(self) -> None:
        self._redis.hset(keys.EPOCH, "state", "complete")

    def is_complete(self) -> bool:
        """Whether this very server holds all figures, and no rebuild was broken off."""
        run_id, state = self._redis.hmget(keys.EPOCH, "run_id", "state")
        return state == b"complete" and run_id == self._run_id().encode()

    def refuse_eviction(self) -> None:
        """Raises SettingsError where Redis may throw cells away to make room: figures would be wrong, and nobody would know."""
        memory = self._redis.info("memory")
        if memory.get("maxmemory") and memory["maxmemory_policy"] != "noeviction":
            raise SettingsError(
                f"this Redis evicts keys ({memory['maxmemory_policy']})",
                hint="set its maxmemory-policy to noeviction, or give it no maxmemory",
            )

    def _run_id(self) -> str:
        return self._redis.info("server")["run_id"]

    # -------------------------------------------------------------------------------------------------------- forgotten

    def forget(self, pid: str) -> int:
        """Take everything about a person out, and count nothing about them that may still be under way. Destroy their
        key in the vault first. Returns how many places were emptied; doing it again does no harm.

        Sums over many people stay: nobody can be told from them, and they are gone within the window.
        """
        return self._leave_out(pid, time())

    def leave_alone(self, pid: str) -> int:
        """The same of a person whose key is there still, and for as long as nobody lets them go."""
        return self._leave_out(pid, inf)

    def _leave_out(self, pid: str, since: float) -> int:
        now = int(time())
        self._redis.zadd(keys.FORGOTTEN, {pid: since})
        self._redis.zremrangebyscore(keys.FORGOTTEN, 0, now - _FORGOTTEN_KEPT_S)
        places = [place.decode().split("\n") for place in self._redis.smembers(keys.ABOUT + pid)]
        for cell, row in places:
            names = [name for name in self._redis.hkeys(cell) if name.decode().rsplit("|", 2)[0] == row]
            if names:
                self._redis.hdel(cell, *names)
            self._redis.publish(keys.CHANGES, cell.removeprefix(keys.CELL))
        self._redis.delete(keys.ABOUT + pid)
        return len(places)

    def forgotten_since(self, pids: Sequence[str]) -> float | None:
        """When the last of these was forgotten, in seconds since 1970; None where none is on the list."""
        since = [score for pid in pids if (score := self._redis.zscore(keys.FORGOTTEN, pid)) is not None]
        return max(since, default=None)

    def about(self, pid: str) -> list[dict]:
        """The figures that name a person: of which view and minute, under which values, and what they are. The person's own
        pseudonym stands as None."""
        rows = []
        for place in sorted(self._redis.smembers(keys.ABOUT + pid)):
            cell, row = place.decode().split("\n")
            partition, minute = keys.of_cell(cell)
            view, _, values = partition.partition(":")
            named = {name.decode(): value.decode() for name, value in self._redis.hgetall(cell).items()}
            figures = {name.split("|", 1)[1]: _figure(name, value) for name, value in named.items() if name.rsplit("|", 2)[0] == row}
            of = [None if value == pid else value for value in [*keys.parted(values), *keys.parted(row)]]
            rows.append({"view": view, "minute_since_1970": minute, "of": of, "figures": figures})
        return rows

    def let_go(self, pids: Sequence[str], limit_s: float) -> int:
        """Know no longer that these were forgotten, when nothing about them can be under way any more, and have Redis write its
        file anew, in which they still stand. Returns how many were on the list."""
        if not pids:
            return 0
        known = self._redis.zrem(keys.FORGOTTEN, *pids)
        if self._redis.info("persistence")["aof_enabled"]:
            until = time() + limit_s
            self._await_rewrite(until)  # one that is under way began while they were on the list
            self._redis.bgrewriteaof()
            self._await_rewrite(until)
        return known

    def _await_rewrite(self, until: float) -> None:
        while any(self._redis.info("persistence")[name] for name in ("aof_rewrite_in_progress", "aof_rewrite_scheduled")):
            if time() > until:
                raise BusyError("Redis is still writing its file anew", hint="run it again once it has ended")
            sleep(0.1)

    def named(self, pids: Sequence[str]) -> tuple[dict[str, int], int]:
        """Pseudonym → places in Redis that name them, of those that any name; and how many keys there are."""
        found = {pid: self._redis.scard(keys.ABOUT + pid) + (self._redis.zscore(keys.FORGOTTEN, pid) is not None) for pid in pids}
        return {pid: places for pid, places in found.items() if places}, self._redis.dbsize()


def _figure(name: str, value: str) -> Any:
    """To be read by a person, of what count.lua adds up in millionths, and sorts by digits before the value."""
    if name.endswith("|last"):
        return [msgspec.json.decode(entry[keys.ORDER_DIGITS :]) for entry in value.split(keys.ENTRY_END)]
    return int(value) / MILLION if name.endswith("|sum") else int(value)


def _about(one: Record, subjects: set[str]) -> set[str]:
    return {pid for name in subjects if (pid := one.values.get(name)) is not None}
