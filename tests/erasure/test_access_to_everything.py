"""A person sees what is held of them: all of it, from every table, and nothing of anybody else."""

import csv
import io
import json
import re
import zipfile
from collections import Counter
from pathlib import Path

import pytest

from lakehouse.contracts import registry
from lakehouse.errors import BadInputError
from lakehouse.privacy.access import columns_of
from lakehouse.privacy.chain import ActorKind, Outcome
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.naming import pseudonyms
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights import answer as answering
from lakehouse.privacy.rights.gather import gather, known
from lakehouse.settings import settings
from tests.commands import succeeds
from tests.erasure.planted import ACCOUNTS, RECORDING, plant

ME, NEXT = ACCOUNTS[0], ACCOUNTS[1]
CANARY = re.compile(r"canary of ([a-z_]+)\.([a-z0-9_]+) (\d)")


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory, root: Path):
    """What the first of seven people gets, by the commands: the office, the files in the ZIP, what the command printed."""
    home = tmp_path_factory.mktemp("planted") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"HOME": home, "CONTRACTS": home / "contracts", "LOG_STRICT": "true"}.items():
            patch.setenv(f"LAKEHOUSE_{name}", str(value))
        settings.cache_clear()
        plant(home, root / "contracts")
        office = Office(settings(), "tests", ActorKind.SERVICE)
        look = {"role": "analyst", "datasets": ["curated.dim_user", "curated.fact_logins"]}
        office.audit.append(
            "table.read", actor="somebody.by.name", actor_kind=ActorKind.TOKEN, purpose="analytics", outcome=Outcome.ALLOWED, details=look
        )
        gathered = []
        with pytest.MonkeyPatch.context() as spied:
            spied.setattr(answering, "gather", lambda *said: gathered.extend(gather(*said)) or gathered)
            printed = json.loads(succeeds("privacy", "access", ME, "--json")) | {"gathered": gathered}
        with pytest.MonkeyPatch.context() as stdin:
            stdin.setattr("sys.stdin", io.StringIO(printed["key"] + "\n"))
            succeeds("privacy", "open", printed["request_id"], "--output", str(home / "mine.zip"))
        with zipfile.ZipFile(home / "mine.zip") as file:
            yield office, {name: file.read(name) for name in file.namelist()}, printed
    settings.cache_clear()


def canaries(files: dict[str, bytes]) -> set[tuple[str, str, int]]:
    text = "\n".join(data.decode() for name, data in files.items() if name.endswith(".json"))
    return {(table, column, int(number)) for table, column, number in CANARY.findall(text)}


def test_everything_of_mine_is_there_and_nothing_of_anybody_elses(archive) -> None:
    _, files, _ = archive
    naming, wanted = pseudonyms(registry().vocabulary), set()
    for contract in registry().layer("stream", "table", "derived", "curated", "features"):
        fields = columns_of(contract, registry())
        if naming & {f.name for f in fields}:
            wanted |= {
                (contract.table, f.name, 0) for f in fields if f.type in ("text", "text_list") and f.name not in (*naming, "zone_id")
            }
    wanted |= {(kind, contract.table, 0) for kind in ("raw", "letter") for contract in registry().ingested}
    found = canaries(files)
    assert wanted - found == set() and len(wanted) > 250
    # A link between a parent and a student is both's; of what others asked, a mention shows the kind of event.
    assert {table for table, column, number in found if number and column != "event_type"} == {"parent_student_links"}
    assert {number for *_, number in found} <= {0, 6}


def test_what_an_erasure_would_go_through_is_what_is_handed_over(archive) -> None:
    """Place by place and row by row: a place that erasure knows, and this does not, is found here."""
    office, _, printed = archive
    me = known(office, Whom(ME))
    left = {one.place: one.rows[me.pid] for place in office.places for one in place.left([me]) if me.pid in one.rows}
    held: Counter = Counter()
    for one in printed["gathered"]:
        held[one.place] += len(one.rows)
    del left["platform/privacy/exports"]  # the archive itself
    assert left.pop("features online") > 0 and held.pop("features online") == 3  # counted by value there, by row here
    assert {name: held[name] for name in left} == left and len(left) > 60


def test_other_people_are_masked_and_the_original_is_as_it_was_sent(archive) -> None:
    office, files, _ = archive
    everything = b"\n".join(files.values()).decode(errors="ignore")
    others = [pid.pid for pid in office.vault.find(ACCOUNTS[1:]).values()]
    assert len(others) == 6 and not [text for text in [*ACCOUNTS[1:], *others] if text in everything]
    assert known(office, Whom(ME)).pid not in everything
    (sent,) = json.loads(files["data/exams-raw-exam_events.json"])["rows"]
    assert sent["payload"]["user_id"] == ME and sent["payload"]["deeper"] == [{"student_user_id": "[another person]"}]
    (mention,) = [row for row in json.loads(files["data/privacy-clean-erasure_requests.json"])["rows"] if row["user_pid"] != "[you]"]
    assert mention["requester_pid"] == "[you]" and "request_id" not in mention
    assert [data for name, data in files.items() if name.startswith("media/")] == [RECORDING]


def test_it_says_what_fields_mean_and_tables_say_the_same(archive) -> None:
    _, files, _ = archive
    told = json.loads(files["data/curated.dim_user.json"])
    assert told["contract"] == "curated.dim_user" and told["purpose"] == registry().get("curated.dim_user").purpose
    described = {f["name"]: f for f in told["fields"]}
    assert all(described[name]["description"] for row in told["rows"] for name in row)
    for name in [n for n in files if n.endswith(".json")]:
        rows = json.loads(files[name])["rows"]
        table = list(csv.DictReader(io.StringIO(files[name.replace(".json", ".csv")].decode())))
        assert len(table) == len(rows), name


def test_it_says_who_looked_and_never_by_name(archive) -> None:
    _, files, _ = archive
    looks = json.loads(files["data/looks.json"])["rows"]
    assert {(row["dataset"], row["role"], row["purpose"], row["looks"]) for row in looks} == {
        ("curated.dim_user", "analyst", "analytics", 1),
        ("curated.fact_logins", "analyst", "analytics", 1),
    }
    assert b"somebody.by.name" not in b"".join(files.values())


@pytest.mark.parametrize(
    ("language", "words"),
    [
        ("ko", ("내 개인정보 사본", "추론한 것", "누가 보았는가", "동의 철회")),
        ("en", ("A copy of", "inferred", "Who has looked", "to take back")),
    ],
)
def test_it_says_it_in_words_too(archive, language: str, words: tuple[str, ...]) -> None:
    _, files, printed = archive
    text = files[f"summary.{language}.md"].decode()
    assert all(word in text for word in words) and printed["request_id"] in text
    assert "psychometrics-clean-ability_estimates" in text.split("## ")[2], "theta is inferred"
    assert registry().get("exam.events").purpose in text


def test_nothing_lies_in_clear_and_no_key_is_kept(archive) -> None:
    office, _, printed = archive
    sealed = office.files.get(printed["path"])
    assert b"canary" not in sealed and not zipfile.is_zipfile(io.BytesIO(sealed))
    kept = [path.read_bytes() for path in settings().home.rglob("*") if path.is_file()]
    assert not any(printed["key"].encode() in data for data in kept)
    assert office.requests.get(printed["request_id"]).state == "answered"
    with pytest.raises(BadInputError, match="nothing is known"):
        office.requests.whom(printed["request_id"])
    told = {r.action: json.loads(r.details) for r in office.audit.records(action="access.")}
    assert set(told) == {"access.received", "access.begun", "access.exported", "access.opened"}
    assert told["access.exported"]["rows"] == printed["rows"]
