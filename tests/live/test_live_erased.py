"""An erasure reaches the live figures: at once in Redis, and with the purge in the file to which Redis appends every command."""

from datetime import UTC, datetime
from pathlib import Path
from random import Random

import redis

from lakehouse.privacy.requests import Whom
from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from live import copies, keys
from live.copies import LiveFigures
from live.redis_server import Server
from tests.live import town as t


def test_at_once_and_with_the_purge_in_the_file_too(home: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(copies, "_UNDER_WAY_S", 0.1)
    with Server(tmp_path / "redis") as server:
        monkeypatch.setenv("LAKEHOUSE_LIVE_REDIS_URL", server.url)
        events, settings = t.sittings(Random(6), 60), Settings(home=home)
        t.publish(home, events)
        t.count_all(home)
        user, other = sorted({e["payload"]["user_id"] for e in events})[:2]
        known, place = open_vault(settings).find([user, other]), LiveFigures(settings)
        whom = Whom(user, pid=known[user].pid, key_id=known[user].key_id)
        others = Whom(other, pid=known[other].pid)
        rows = lambda one: next(iter(place.left([one]))).rows.get(one.pid, 0)  # noqa: E731
        held = lambda: b"".join(path.read_bytes() for path in sorted((tmp_path / "redis").rglob("*")) if path.is_file())  # noqa: E731
        before = rows(others)
        assert rows(whom) > 0 and before > 0 and whom.pid.encode() in held()

        open_vault(settings).forget([user], datetime.now(UTC))
        place.close([whom])
        client = redis.Redis.from_url(server.url)
        assert not client.exists(keys.ABOUT + whom.pid) and client.zscore(keys.FORGOTTEN, whom.pid)
        assert rows(whom) == 1, "it knows to count nothing of theirs that is under way"

        done = place.purge([whom], lambda _: None)
        assert [one.rows for one in done] == [1] and rows(whom) == 0 and rows(others) == before
        assert whom.pid.encode() not in held() and others.pid.encode() in held()
        client.close()


def test_where_no_redis_was_ever_there_is_nothing_to_do(home: Path) -> None:
    place, whom = LiveFigures(Settings(home=home)), Whom("somebody", pid="0" * 32)
    place.close([whom])
    assert place.purge([whom], lambda _: None) == place.left([whom]) == []
