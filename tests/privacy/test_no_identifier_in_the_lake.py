"""No identifier that was sent is anywhere in clean; and in raw, dead letters and the vault none is in clear.

What is sent is made from the contracts themselves: every field that may not be kept gets values that cannot be mistaken
for anything else, so a field that is added tomorrow is covered tomorrow.
"""

import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract, Field
from lakehouse.door import Admitted, Door
from lakehouse.envelope import pack
from lakehouse.privacy.columns import decrypted
from lakehouse.privacy.erasure.scan import scan
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_bus, open_vault
from tests.commands import succeeds

NOW = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)
PEOPLE = 40
ADDRESS, NETWORK = "203.0.113.{}", b"203.0.113.0/24"
KEPT = b"kept-word-that-clean-must-have"
REDACTED = KEPT + b", write to [EMAIL]"


def secret(contract: Contract, field: Field, person: int) -> str:
    """A value of somebody's, unlike any other; of a form that the contract allows."""
    if field.treatment == "truncate_ip":
        return ADDRESS.format(100 + person)
    if field.treatment == "redact":
        return f"{KEPT.decode()}, write to secret-{contract.table}-{field.name}-{person:03d}@example.com"
    if field.type == "date":
        return f"1987-03-{1 + person % 28:02d}"
    return f"secret-{contract.table}-{field.name}-{person:03d}"


def hidden(contract: Contract, field: Field, person: int) -> str:
    """What of a secret must not be seen again."""
    return secret(contract, field, person).split()[-1]


def is_secret(field: Field) -> bool:
    return field.treatment != "keep" and field.type in ("text", "date")


def harmless(field: Field):
    if field.values:
        return field.values[0]
    if field.name in ("price_currency", "country_code"):
        return "KRW"[: field.max_length]
    if field.name == "language_code":
        return "ko"
    return {
        "text": KEPT.decode()[: field.max_length],
        "integer": 1,
        "float": 1.0,
        "decimal": 1,
        "boolean": True,
        "timestamp": NOW.isoformat(),
        "date": "2020-01-01",
        "text_list": [],
    }[field.type]


def payloads(contract: Contract, person: int) -> list[dict]:
    """One payload an event type (or one), with every field that there is."""
    fields = {f.name: secret(contract, f, person) if is_secret(f) else harmless(f) for f in contract.fields}
    if not contract.refuses_unknown_fields:
        fields["nickname"] = f"secret-{contract.table}-nickname-{person:03d}"
    return [{**fields, "event_type": name} for name, _ in contract.event_types] or [fields]


@pytest.fixture(scope="module")
def lake(tmp_path_factory) -> tuple[Path, list[bytes]]:
    """A lake that has landed and refined secrets of forty people in every contract, and the secrets."""
    home = tmp_path_factory.mktemp("lake")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        settings.cache_clear()
        sent = _send(Door(registry(), "test", layers=("stream", "table")))
        for command in ("land", "refine"):
            succeeds(command)
    settings.cache_clear()
    return home, sent


def _send(door: Door) -> list[bytes]:
    bus, secrets = open_bus(settings()), set()
    for contract in registry().ingested:
        lines = []
        for person in range(PEOPLE):
            secrets |= {hidden(contract, f, person).encode() for f in contract.fields if is_secret(f)}
            secrets.add(f"secret-{contract.table}-nickname-{person:03d}".encode())
            for number, payload in enumerate(payloads(contract, person)):
                event = {"event_id": f"{contract.table}-{person}-{number}", "contract": contract.id, "org_id": 7, "payload": payload}
                admitted = door.admit(json.dumps(event).encode(), "univprep", NOW)
                assert isinstance(admitted, Admitted), f"{contract.id}: {admitted}"
                lines.append(admitted.line)
        # One that refine must reject, whose secrets go to a dead letter; and one that is no envelope at all.
        broken = lines[0].replace(NOW.isoformat()[:10].encode(), b"9999-99-99").replace(f"{contract.table}-0-0".encode(), b"broken-one")
        bus.publish(contract.topic, [*pack([*lines, broken]), b'{"secret": "secret-' + contract.table.encode() + b'-nickname-000"}'])
    bus.close()
    return sorted(secrets)


def test_every_contract_was_sent(lake) -> None:
    home, _ = lake
    for contract in registry().ingested:
        assert list((home / "lake" / contract.domain / "clean" / contract.table).rglob("*.parquet")), contract.id
        assert list((home / "lake" / contract.domain / "dead_letters" / contract.table).rglob("*.parquet")), contract.id


@pytest.mark.parametrize("zone", ["clean", "raw", "dead_letters"])
def test_no_identifier_is_in_any_byte(lake, zone) -> None:
    home, secrets = lake
    for folder in (home / "lake").glob(f"*/{zone}"):
        hits, looked_at = scan(folder, secrets)
        assert not hits, hits[:5]
        assert looked_at > 0


def test_the_vault_and_the_logs_hold_no_identifier(lake) -> None:
    home, secrets = lake
    hits = [hit for name in ("vault", "logs") for hit in scan(home / name, secrets)[0]]
    assert not hits, hits[:5]


def test_what_clean_may_hold_is_found_there(lake) -> None:
    """The scanner works: the words that are kept are seen, and the network of an address that is not."""
    home, _ = lake
    hits, _ = scan(home / "lake" / "exams" / "clean", [KEPT])
    assert hits


@pytest.mark.parametrize(
    ("contract_id", "column", "clear"),
    [
        ("auth.login.events", "ip_network", NETWORK),
        ("exam.events", "redacted_answer_text", REDACTED),
        ("source.responses", "redacted_answer_text", REDACTED),
        ("web.behaviour.events", "redacted_review_text", REDACTED),
    ],
)
def test_what_is_restricted_still_is_in_no_byte_of_clean_and_opens_under_its_key(lake, contract_id, column, clear) -> None:
    home, _ = lake
    contract = registry().get(contract_id)
    folder = home / "lake" / contract.domain / "clean" / contract.table
    assert scan(folder, [clear])[0] == []
    values = pa.concat_tables([pq.read_table(path, columns=[column], partitioning=None) for path in folder.rglob("dt=*/*.parquet")])[column]
    assert set(decrypted(values.to_pylist(), column, open_vault(Settings(home=home)))) == {clear.decode()}


def test_the_scanner_sees_what_only_a_dictionary_page_holds(tmp_path) -> None:
    words = pa.array(["gone-for-ever", "still-here"]).dictionary_encode()
    pq.write_table(pa.table({"word": words.filter(pa.array([False, True]))}), tmp_path / "leaky.parquet", compression="zstd")
    hits, _ = scan(tmp_path, [b"gone-for-ever"])
    assert [hit.where.split()[0] for hit in hits if hit.where != "bytes"] == ["word"]
