"""A stream is one YAML file: each that is described is taken at the door, landed, refined, staged for dbt and known to the quality gate."""

import json
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from lakehouse.contracts import Contract, registry
from lakehouse.door import Door
from lakehouse.envelope import pack
from lakehouse.model.build import build
from lakehouse.places import clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_bus, open_tables
from tests.commands import succeeds

pytestmark = pytest.mark.slow(40)

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
STREAMS = registry().layer("stream")
STAGED = [
    c for c in STREAMS if c.domain in ("kzone", "creator", "privacy")
]  # tests/dbt builds the staging models of the others, and what stands on them
PROMISED = {
    "exam.events", "kzone.voice.events", "kzone.motion.events", "ai.usage.events", "auth.login.events", "web.behaviour.events",
    "creator.video.events", "consent.events", "privacy.erasure_request",
}  # fmt: skip
BEHAVIOUR = [
    "page_view",
    "click",
    "scroll",
    "dwell",
    "mission_complete",
    "checklist",
    "progress",
    "rating",
    "review",
    "add_to_cart",
    "purchase",
]
EXAMPLES = {"language_code": "ko", "price_currency": "KRW", "country_code": "KR", "media_id": "media-0001"}


def example(contract: Contract, name: str):
    field = contract.field(name)
    if name in EXAMPLES:
        return EXAMPLES[name]
    if field.values:
        return field.values[0]
    return {
        "text": f"{name}-1",
        "integer": 3,
        "float": 0.5,
        "decimal": "1.25",
        "boolean": True,
        "timestamp": NOW.isoformat(),
        "date": "2001-02-03",
    }[field.type]


def events(contract: Contract) -> list[dict]:
    """Of each event type two: with what it requires and no more, and with every field there is."""
    always = [f.name for f in contract.fields if f.required]
    made = []
    for kind, required in contract.event_types:
        for fields in (dict.fromkeys([*always, *required]), contract.names):
            payload = {name: example(contract, name) for name in fields} | {"event_type": kind}
            made.append({"event_id": f"{contract.table}.{len(made):04d}", "contract": contract.id, "org_id": 7, "payload": payload})
    return made


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> Path:
    """Every event type of every stream, through the door, landed, refined and staged."""
    home = tmp_path_factory.mktemp("streams")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        settings.cache_clear()
        bus, door = open_bus(settings()), Door(registry(), "test")
        for contract in STREAMS:
            admission = door.admit_body(json.dumps(events(contract)).encode(), "kzone", NOW)
            assert not admission.rejected, (contract.id, admission.rejected)
            bus.publish(contract.topic, pack(admission.lines[contract.id]))
        bus.close()
        for command in ("land", "refine"):
            succeeds(command)
        build(settings(), select=tuple(f"stg_{c.table}" for c in STAGED))
        yield home
    settings.cache_clear()


def test_every_stream_that_was_promised_is_described() -> None:
    assert {c.id for c in STREAMS} >= PROMISED
    assert {kind for kind, _ in registry().get("web.behaviour.events").event_types} >= set(BEHAVIOUR)


@pytest.mark.parametrize("contract", STREAMS, ids=lambda c: c.id)
def test_it_is_refined_and_staged(lake: Path, root: Path, contract: Contract) -> None:
    expected = {(e["event_id"], e["payload"]["event_type"]) for e in events(contract)}
    with duckdb.connect() as database:
        files = open_tables(settings()).files(clean_table(contract.domain, contract.table))
        assert set(database.execute("select event_id, event_type from read_parquet(?)", [files]).fetchall()) == expected
    assert (root / "dbt_project" / "models" / "staging" / f"stg_{contract.table}.sql").exists()
    with duckdb.connect(str(lake / "warehouse" / "lakehouse.duckdb"), read_only=True) as warehouse:
        if contract not in STAGED:
            return
        assert set(warehouse.execute(f"select event_id, event_type from staging.stg_{contract.table}").fetchall()) == expected


@pytest.mark.parametrize("contract", STREAMS, ids=lambda c: c.id)
def test_the_quality_gate_knows_it(contract: Contract) -> None:
    from quality.datasets import contracts_of

    assert contract in contracts_of("clean", registry(), [contract.id])


def test_references_and_scores_reach_clean_and_free_text_does_not(lake: Path) -> None:
    with duckdb.connect(str(lake / "warehouse" / "lakehouse.duckdb"), read_only=True) as warehouse:
        scored = "select media_id, practice_id, language_code, duration_ms, accuracy_score, prosody_score from clean.voice_events where event_type = 'recording_scored' and media_id is not null"
        assert warehouse.execute(scored).fetchall() == [("media-0001", "practice_id-1", "ko", 3, 0.5, 0.5)]
        asked = "select count(distinct user_pid), count(distinct requester_pid) from clean.erasure_requests where requester_pid <> user_pid"
        assert warehouse.execute(asked).fetchall() == [(1, 1)]
        columns = {
            row[0]
            for row in warehouse.execute("select column_name from information_schema.columns where table_schema = 'clean'").fetchall()
        }
    assert not columns & {"content_title", "request_text", "requester_id", "user_id"}


def test_faces_voices_and_motion_leave_raw_after_a_week(root: Path) -> None:
    days = {c.id: c.raw_retention_days for c in registry().ingested}
    assert (
        {c for c, n in days.items() if n == 7} == {c.id for c in STREAMS if c.media_kinds} == {"kzone.voice.events", "kzone.motion.events"}
    )
    assert set(days.values()) == {7, 30}
    assert "| in raw | for 7 days, sealed |" in (root / "docs" / "catalogue" / "kzone.voice.events.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("kzone/voice_events.odcs.yaml", "rawRetentionDays, value: 7", "rawRetentionDays, value: 31", "rawRetentionDays is 31"),
        ("kzone/voice_events.odcs.yaml", "          speech:", "          keypoints:", "'keypoints' is kzone.motion.events's already"),
        ("kzone/voice_events.odcs.yaml", "      - {name: media_id}\n", "", "media kinds without media_id"),
    ],
)  # fmt: skip
def test_a_mistake_in_these_facts_is_named(root: Path, tmp_path: Path, path: str, old: str, new: str, said: str) -> None:
    import shutil

    from lakehouse.contracts.registry import Registry
    from lakehouse.errors import ContractError

    folder = shutil.copytree(root / "contracts", tmp_path / "contracts")
    text = (folder / path).read_text(encoding="utf-8")
    assert old in text
    (folder / path).write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(ContractError, match=said):
        Registry(folder)
