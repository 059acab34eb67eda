"""A lake with dead letters, a fix for them, and `lakehouse replay` as a process or in this one."""

import json
import shutil
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pytest

from beam_pipelines import stores as opened_stores
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.settings import settings
from tests import commands
from tests.beam.conftest import Lake

LOGIN, EXAM = "auth.login.events", "exam.events"
NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)


def login(number: int, user: str = "kim", received_at: datetime = NOW, **payload: object) -> Envelope:
    """A logout event; `payload` is added, and what is None is left out."""
    happened = (received_at - timedelta(minutes=1)).isoformat()
    body = {"event_type": "logout", "occurred_at": happened, "user_id": user} | payload
    raw = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
    return Envelope(f"event-{number:05d}", LOGIN, "1.0.0", "test", "univprep", received_at, msgspec.Raw(raw), 7, user)


def exam(number: int, user: str = "kim", received_at: datetime = NOW, **payload: object) -> Envelope:
    happened = (received_at - timedelta(minutes=1)).isoformat()
    body = {"event_type": "attempt_finished", "occurred_at": happened, "user_id": user, "attempt_id": f"a-{number}"}
    body |= {"exam_id": "e-1", "started_at": happened, "score": 50.0, "time_spent_ms": 1000} | payload
    raw = json.dumps({k: v for k, v in body.items() if v is not None}).encode()
    return Envelope(f"exam-{number:05d}", EXAM, "1.0.0", "test", "univprep", received_at, msgspec.Raw(raw), 7, user)


def sent(lake: Lake, contract: str, envelopes: Iterable[Envelope], *more: bytes, refine: bool = True) -> None:
    lake.publish(contract, [*pack_envelopes(envelopes), *more])
    lake.land()
    if refine:
        lake.refine()


def erase(lake: Lake, user: str) -> None:
    """What erasure does first."""
    lake.at.vault.forget([user], datetime.now(UTC))


def lakehouse(*words: str, code: int = 0) -> str:
    """What a command printed, or, where it had to fail, what it said of that."""
    done = commands.lakehouse(*words)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stderr if code else done.stdout


def replayed(*words: str) -> dict:
    """`lakehouse replay … --json`: contract → counts, less those that are 0."""
    [said] = json.loads(lakehouse("replay", *words, "--json")).values()
    return {contract: {name: n for name, n in counts.items() if n} for contract, counts in said.items()}


def listed(*words: str) -> list[dict]:
    return [json.loads(line) for line in lakehouse("deadletters", "list", "--json", *words).splitlines()]


@pytest.fixture
def fix(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lake: Lake) -> Callable[..., None]:
    """fix(path, old, new): from now on the contracts say something else, as after a deployment."""
    folder = tmp_path / "contracts"
    shutil.copytree(root / "contracts", folder)

    def edit(path: str, old: str, new: str) -> None:
        file = folder / path
        text = file.read_text(encoding="utf-8")
        assert old in text
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        monkeypatch.setenv("LAKEHOUSE_CONTRACTS", str(folder))
        from lakehouse.contracts import registry

        settings.cache_clear()
        registry.__globals__["_read"].cache_clear()
        opened_stores.stores.cache_clear()
        lake.settings = settings()

    yield edit
    from lakehouse.contracts import registry

    registry.__globals__["_read"].cache_clear()


@pytest.fixture
def lake(home: Path) -> Lake:
    return Lake(settings())
