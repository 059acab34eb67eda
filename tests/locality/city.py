"""Four regions' installations on one machine, each with people of its own, and features copied from everyone to everyone.

door ─▶ bus ─▶ land ─▶ refine ─▶ features ─▶ serve ─▶ replicate      in each region, by its own settings
"""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import duckdb
import pytest

from lakehouse import places
from lakehouse.contracts import registry
from lakehouse.contracts.project import duckdb_columns
from lakehouse.door import Door
from lakehouse.envelope import pack
from lakehouse.media.writing import MediaName, Upload
from lakehouse.places import Home
from lakehouse.privacy.erasure.scan import scan
from lakehouse.settings import settings
from lakehouse.storage.open import open_bus, open_files, open_vault
from tests.beam.conftest import Lake
from tests.commands import succeeds

NOW = datetime(2026, 3, 2, 16, 30, tzinfo=UTC)
PEOPLE = 3
FEATURE_AT = datetime(2026, 3, 1, 15, tzinfo=UTC)


@dataclass(frozen=True)
class City:
    """Region → home, below one folder."""

    folder: Path

    def home(self, region_id: str) -> Path:
        return self.folder / region_id

    @contextmanager
    def at(self, region_id: str) -> Iterator[Lake]:
        """As a process of that region."""
        others = [r.region_id for r in registry().regions if r.region_id != region_id]
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAKEHOUSE_REGION", region_id)
            patch.setenv("LAKEHOUSE_HOME", str(self.home(region_id)))
            patch.setenv("LAKEHOUSE_REPLICAS", ",".join(f"{other}={self.home(other)}" for other in others))
            settings.cache_clear()
            yield Lake(settings())
        settings.cache_clear()

    def pids(self, region_id: str) -> dict[str, str]:
        with self.at(region_id):
            vault = open_vault(settings())
            known = vault.find(accounts(region_id))
            vault.close()
        return {account: one.pid for account, one in known.items()}

    def strays(self, of: str) -> list[str]:
        """Where anything of that region's people lies that may not lie there, in any other region; pseudonyms may, in the copies of
        their features."""
        pids = [pid.encode() for pid in self.pids(of).values()]
        needles, found = _identity(self, of), []
        for region in registry().regions:
            if region.region_id == of:
                continue
            home, copy = self.home(region.region_id), Home(Path()).replica(of)
            hits = scan(home, [*needles, *pids])[0]
            found += [f"{region.region_id}/{h.path}" for h in hits if h.needle in needles or not h.path.is_relative_to(copy)]
        return sorted(set(found))


def accounts(region_id: str) -> list[str]:
    return [f"{region_id}.account.{n}" for n in range(PEOPLE)]


def mail(account: str) -> str:
    return f"{account}@mail.example.com"


def build(folder: Path) -> City:
    city = City(folder)
    for region in registry().regions:
        with city.at(region.region_id) as lake:
            send(lake, region.first_org_id, accounts(region.region_id))
            lake.land()
            lake.refine()
            _record(accounts(region.region_id)[0])
            write_features(city.pids(region.region_id).values())
    for region in registry().regions:
        with city.at(region.region_id):
            succeeds("serve")
            succeeds("replicate")
    return city


def send(lake: Lake, org_id: int | None, people: list[str]) -> list[tuple[str, str]]:
    """An exam, a login and an account of each, through the door; which of them it refused, and why."""
    door, refused = Door(registry(), "test", layers=("stream", "table")), []
    for number, user in enumerate(people):
        happened = (NOW - timedelta(hours=number)).isoformat()
        exam = {"event_type": "attempt_finished", "occurred_at": happened, "user_id": user, "attempt_id": f"a-{number}", "exam_id": "e-1"}
        bodies = {
            "exam.events": exam | {"started_at": happened, "score": 50.0, "time_spent_ms": 1000},
            "auth.login.events": {"event_type": "logout", "occurred_at": happened, "user_id": user},
            "source.users": {"op": "c", "changed_at": happened, "source_lsn": 1, "user_id": user, "role": "student", "email": mail(user)}
            | {"signed_up_at": happened},
        }
        for contract_id, payload in bodies.items():
            event = {"event_id": f"{contract_id}-{hashlib.sha256(user.encode()).hexdigest()[:20]}", "contract": contract_id}
            event |= {"payload": payload} | ({} if org_id is None else {"org_id": org_id})
            admission = door.admit_body(json.dumps(event).encode(), "univprep", NOW)
            refused += [(contract_id, verdict.code) for verdict in admission.rejected.values()]
            for topic, lines in admission.lines.items():
                lake.publish(topic, pack(lines))
    return refused


def write_features(pids) -> None:
    path = Home(settings().home).warehouse
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as db:
        db.execute("create schema if not exists features")
        for contract in registry().layer("features"):
            types = duckdb_columns(contract.fields)
            db.execute(f"create or replace table features.{contract.table} ({', '.join(f'{n} {t}' for n, t in types.items())})")
            for pid in pids:
                row = {"user_pid": pid, "skill": "algebra", contract.event_time: FEATURE_AT, "activity_count_7d": 17}
                db.execute(f"insert into features.{contract.table} values ({', '.join('?' for _ in types)})", [row.get(n) for n in types])


def trim(region_id: str, city: City) -> None:
    """What the bus has passed on it need not keep."""
    with city.at(region_id):
        bus = open_bus(settings())
        for topic in bus.topics():
            bus.trim(topic)
        bus.close()


def _record(account: str) -> None:
    """A recording of somebody, sealed."""
    sound, (contract, kind) = f"the voice of {account} ".encode() * 2_000, registry().media_kind("speech")
    vault = open_vault(settings())
    owner = vault.subjects([account])[account]
    vault.close()
    name = MediaName("take-1", contract, kind, kind.content_types[0], "kzone", registry().here.first_org_id, owner)
    upload = Upload(open_files(settings()), name, hashlib.sha256(sound).digest(), NOW)
    upload.write(sound)
    upload.finish()


def _identity(city: City, region_id: str) -> list[bytes]:
    """Accounts, addresses, names of keys; and what lies sealed, by pieces of its bytes."""
    with city.at(region_id) as lake:
        names = [text for account in accounts(region_id) for text in (account, mail(account))]
        vault = open_vault(settings())
        names += [one.key_id for one in vault.find(accounts(region_id)).values()]
        vault.close()
        sealed = [row["payload"][:64] for row in _raw(lake)]
        files = open_files(settings())
        sealed += [files.get(path)[1_000:1_064] for path in files.list("") if "/raw/media/dt=" in path]
    return [name.encode() for name in names] + sealed


def _raw(lake: Lake) -> list[dict]:
    folders = {places.raw_dir(c.domain, c.table) for c in registry().ingested}
    found = [path for folder in folders for path in lake.at.files.list(f"{folder}/dt=") if path.endswith(".parquet")]
    return lake._rows([lake.at.files.uri(path) for path in found])
