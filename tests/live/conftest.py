"""A real Redis a test session, and an empty one a test."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from live.redis_server import Server
from live.store import connect


@pytest.fixture(scope="session")
def _redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_at(_redis_server: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty Redis, set for this process and those it starts."""
    client = connect(_redis_server.url)
    client.flushall()
    client.close()
    monkeypatch.setenv("LAKEHOUSE_LIVE_REDIS_URL", _redis_server.url)
    return _redis_server.url


@pytest.fixture
def client(redis_at: str) -> Iterator[redis.Redis]:
    made = connect(redis_at)
    yield made
    made.close()


@pytest.fixture
def town(home: Path, redis_at: str) -> Path:
    """An empty home and an empty Redis."""
    return home
