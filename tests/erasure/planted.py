"""A platform in which every table, and raw and dead letters of every contract, hold a canary of each of seven people.

    leak_town (every table of clean and of the warehouse) + sealed records + a recording + features offline and online

A canary names its place and whose it is: `canary of <table>.<column> <number>`, number being the person's in PEOPLE.
"""

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from beam_pipelines.sinks import dead_letter_id, parquet, sealed_schema
from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.media.writing import MediaName, Upload
from lakehouse.privacy.seal import seal
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_vault
from lakehouse.storage.protocols import SubjectKey
from tests.privacy import leak_town

ACCOUNTS = [f"person.account.{n}" for n in range(7)]
NOW = datetime(2026, 3, 2, 3, tzinfo=UTC)
RECORDING = b"what somebody said, as it was sent, " * 5_000


def plant(home: Path, contracts: Path) -> leak_town.Town:
    """Settings must be those of `home`, with its own copy of the contracts."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_CONTRACTS", str(contracts))  # the home's copy comes with the town, which names people by their keys
        settings.cache_clear()
        vault = open_vault(settings())
    settings.cache_clear()
    keys = vault.subjects(ACCOUNTS)
    with pytest.MonkeyPatch.context() as patch:
        people = [(keys[a].pid, zone, org) for a, (_, zone, org) in zip(ACCOUNTS, leak_town.PEOPLE)]
        patch.setattr(leak_town, "PEOPLE", people)
        patch.setattr(leak_town, "HIDDEN", set())
        town = leak_town.build(home, contracts)
    for contract in registry().ingested:
        _sealed(contract, [keys[a] for a in ACCOUNTS])
    _record(keys[ACCOUNTS[0]], RECORDING)
    _record(keys[ACCOUNTS[1]], RECORDING[::-1])
    _serve()
    vault.close()
    return town


def _sealed(contract: Contract, owners: list[SubjectKey]) -> None:
    files, letters, records = open_files(settings()), [], []
    for number, (account, owner) in enumerate(zip(ACCOUNTS, owners)):
        head = {"contract": contract.id, "contract_version": contract.version, "source": "test", "zone_id": "kzone", "received_at": NOW}
        for kind, into in (("raw", records), ("letter", letters)):
            event_id = f"{kind}-{contract.table}-{number}"
            others = {"requester_id": ACCOUNTS[(number + 1) % 7], "deeper": [{"student_user_id": ACCOUNTS[(number + 1) % 7]}]}
            said = {"user_id": account, "note": f"canary of {kind}.{contract.table} {number}"} | others
            sealed = seal(owner.key, json.dumps(said).encode(), event_id.encode())
            into.append(head | {"event_id": event_id, "subject": owner.key_id, "payload": sealed})
    at = contract.domain, contract.table
    files.put(places.raw_file(*at, NOW.date(), "b1"), parquet(pa.Table.from_pylist(records, sealed_schema("platform.envelope"))))
    why = {"failed_step": "refine", "error_code": "out_of_range", "failed_at": NOW}
    letters = [letter | why | {"dead_letter_id": dead_letter_id(letter["payload"])} for letter in letters]
    files.put(places.dead_letter_file(*at, "b1"), parquet(pa.Table.from_pylist(letters, sealed_schema("platform.dead_letter"))))


def _record(owner: SubjectKey, sound: bytes) -> None:
    contract, kind = registry().media_kind("speech")
    name = MediaName("take-1", contract, kind, kind.content_types[0], "kzone", None, owner)
    upload = Upload(open_files(settings()), name, hashlib.sha256(sound).digest(), NOW)
    upload.write(sound)
    upload.finish()


def _serve() -> None:
    from feature_repo import serving

    serving.serve(settings())
