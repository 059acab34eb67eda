"""Every byte of a person lies in their own region: after events that went astray, after replication, failover and an erasure."""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from lakehouse.contracts import registry
from lakehouse.envelope import Envelope, pack_envelopes
from lakehouse.errors import SettingsError, UnavailableError
from lakehouse.places import Home
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.erasure.close import close
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.erasure.prove import prove, to_prove
from lakehouse.privacy.erasure.purge import purge, to_purge
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.hidden import Restriction, restrict
from lakehouse.privacy.requests import Kind, Request, Whom, due_at
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_vault
from tests.commands import lakehouse, succeeds
from tests.locality import city as cities
from tests.locality.city import City, accounts, mail

REGIONS = ("seoul", "tokyo", "virginia", "frankfurt")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> City:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_LOG_STRICT", "true")
        return cities.build(tmp_path_factory.mktemp("city"))


@pytest.fixture
def city(built: City, tmp_path: Path) -> Iterator[City]:
    shutil.copytree(built.folder, tmp_path / "city")
    yield City(tmp_path / "city")
    settings.cache_clear()


def online(city: City, reader: str, of: str, pid: str) -> list[dict]:
    """What the tutor reads in a region of another region's person."""
    with city.at(reader):
        printed = succeeds("features", "online", pid, "--of", of, "--view", "engagement_vector", "--json")
    return [row for row in map(json.loads, printed.splitlines()) if row["feature_at"]]


def test_there_are_these_regions_and_all_are_played(built: City) -> None:
    assert tuple(r.region_id for r in registry().regions) == REGIONS
    for region_id in REGIONS:
        assert len(built.pids(region_id)) == cities.PEOPLE
        with built.at(region_id) as lake:
            assert {row["org_id"] for row in lake.clean("exam.events")} == {registry().here.first_org_id}


def test_every_byte_is_in_its_own_region_after_replication(city: City) -> None:
    for of in REGIONS:
        assert city.strays(of) == []
        for there in set(REGIONS) - {of}:
            copy = Home(city.home(there)).replica(of)
            assert scan(copy, [pid.encode() for pid in city.pids(of).values()])[0], "the copy names nobody, so nothing was looked for"


@pytest.mark.parametrize(
    "what", ["exams/raw", "exams/clean", "../vault", "features"], ids=["sealed raw", "clean", "the vault", "features beside the copy"]
)
def test_a_copy_that_should_not_be_is_found(city: City, what: str) -> None:
    source = (Home(city.home("seoul")).lake / what).resolve()
    shutil.copytree(source, city.home("frankfurt") / "stray" / source.name)
    strays = city.strays("seoul")
    assert strays and all(stray.startswith("frankfurt/stray/") for stray in strays)


def test_an_event_of_another_region_is_refused_at_the_door_and_leaves_no_byte(city: City) -> None:
    strangers = ["lost.account.1", "lost.account.2"]
    for here, there in zip(REGIONS, REGIONS[1:] + REGIONS[:1]):
        with city.at(here) as lake:
            refused = cities.send(lake, registry().region(there).first_org_id, strangers)
        assert [code for _, code in refused] == ["another_region"] * 6
        assert scan(city.home(here), [name.encode() for name in strangers])[0] == []


def test_who_has_no_tenant_is_at_home_in_the_primary_region(city: City) -> None:
    for region_id in REGIONS:
        with city.at(region_id) as lake:
            refused = cities.send(lake, None, ["nobody.in.particular"])
        assert len(refused) == (0 if region_id == "seoul" else 3)


def test_what_comes_past_the_door_is_not_landed_and_is_told(city: City) -> None:
    stray = "past.the.door.1"
    payload = {"event_type": "logout", "occurred_at": cities.NOW.isoformat(), "user_id": stray}
    with city.at("tokyo") as lake:
        org = registry().region("virginia").last_org_id
        letter = Envelope("auth-stray-1", "auth.login.events", "1.0.0", "partner", "univprep", cities.NOW, payload, org, stray)
        own = Envelope(
            "auth-own-1", *letter_fields(letter), {**payload, "user_id": accounts("tokyo")[0]}, registry().here.last_org_id, None
        )
        lake.publish("auth.login.events", pack_envelopes([letter, own]))
        lake.land()
        lake.refine()
        assert {row["event_id"] for row in lake.clean("auth.login.events")} >= {"auth-own-1"}
        (told,) = [row for row in lake.dead_letters("auth.login.events") if row["error_code"] == "another_region"]
        assert told["error_field"] == "org_id"
        shown = succeeds("deadletters", "show", told["dead_letter_id"], "--reveal", "--reason", "where it went")
        assert "partner" in shown and str(org) in shown and stray not in shown
    cities.trim("tokyo", city)
    assert scan(city.home("tokyo"), [stray.encode()])[0] == []


def letter_fields(letter: Envelope) -> tuple:
    return letter.contract, letter.contract_version, letter.source, letter.zone_id, letter.received_at


def test_a_job_of_one_region_on_the_data_of_another_does_not_start(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    with city.at("seoul") as lake:
        cities.send(lake, registry().here.first_org_id, ["one.more.account"])
    with city.at("tokyo"):
        monkeypatch.setenv("LAKEHOUSE_HOME", str(city.home("seoul")))
        for command in (["land"], ["refine"], ["privacy", "run"], ["replay", "--from", "2026-01-01"]):
            done = lakehouse(*command)
            assert done.returncode == SettingsError.exit_code, (command, done)
            assert "live in seoul" in done.stderr and "runs as tokyo" in done.stderr


def test_what_may_not_leave_is_refused_before_anything_moves(city: City) -> None:
    with city.at("seoul"):
        before = {path: path.stat().st_mtime_ns for path in city.folder.rglob("*") if path.is_file()}
        for dataset in ("exam.events", "source.users", "curated.dim_user", "auth.login.events"):
            done = lakehouse("replicate", "--dataset", "features.engagement_vector", "--dataset", dataset)
            assert done.returncode == 11 and f"{dataset}: what is about people stays in seoul" in done.stderr
        assert lakehouse("replicate", "--to", "busan").returncode == 10
        planned = succeeds("replicate", "--plan")
        assert all(word in planned for word in ("tokyo", "virginia", "frankfurt", "features.student_skill_vector"))
        assert {path: path.stat().st_mtime_ns for path in city.folder.rglob("*") if path.is_file()} == before


def test_features_are_read_elsewhere_while_their_region_is_away(city: City) -> None:
    pid = city.pids("seoul")[accounts("seoul")[0]]
    city.home("seoul").rename(city.folder / "seoul is away")
    with city.at("tokyo"):
        assert "engagement_vector" in succeeds("serve", "--of", "seoul")
    (row,) = online(city, "tokyo", "seoul", pid)
    assert (row["user_pid"], row["activity_count_7d"]) == (pid, 17)
    with city.at("virginia"):
        assert lakehouse("features", "online", pid).returncode == 0 and pid not in succeeds("features", "online", pid, "--json").replace(
            f'"user_pid": "{pid}"', ""
        )
    (city.folder / "seoul is away").rename(city.home("seoul"))
    for of in REGIONS:
        assert city.strays(of) == []


def test_an_erasure_reaches_every_copy(city: City) -> None:
    who, stays = accounts("seoul")[:2]
    pids = city.pids("seoul")
    for there in ("tokyo", "virginia"):
        with city.at(there):
            succeeds("serve", "--of", "seoul")
    with city.at("seoul"):
        office = Office(settings(), "tests", ActorKind.SERVICE)
        digest, moment = office.vault.digest(who), datetime.now(UTC)
        request = Request(str(uuid4()), Kind.ERASURE, digest, "app", "self", "pipa", moment, due_at(moment, "pipa"), moment, "tests")
        office.requests.add(request, Whom(who, [mail(who)]))
        close(office, [request])
    for there in ("tokyo", "virginia"):
        assert online(city, there, "seoul", pids[who]) == [] and online(city, there, "seoul", pids[stays])
    cities.trim("seoul", city)
    with city.at("seoul"):
        # Nothing was built by dbt here; tests/dbt has the erasure of a warehouse. This one is as that leaves it.
        office.places[:] = [place for place in office.places if place.name != "warehouse"]
        Home(settings().home).warehouse.unlink()
        cities.write_features([pid for account, pid in pids.items() if account != who])
        purge(office, to_purge(office))
        (receipt,) = prove(office, to_prove(office))
    looked_at = {place["place"]: place for place in receipt["places"]}
    for there in set(REGIONS) - {"seoul"}:
        of_copy = [place for name, place in looked_at.items() if name.startswith(f"{there}: ")]
        assert len(of_copy) == len(registry().layer("features")) + 1
        assert sum(place["rows_before"] for place in of_copy) >= len(registry().layer("features"))
        assert {place["rows_after"] for place in of_copy} == {0}
    traces = [text.encode() for text in (who, mail(who), pids[who])]
    assert [hit.path for region_id in REGIONS for hit in scan(city.home(region_id), traces)[0]] == []
    assert scan(Home(city.home("tokyo")).replica("seoul"), [pids[stays].encode()])[0]


def test_a_copy_that_cannot_be_reached_keeps_an_erasure_waiting(city: City, monkeypatch: pytest.MonkeyPatch) -> None:
    with city.at("seoul"):
        office = Office(settings(), "tests", ActorKind.SERVICE)
        replicas = next(place for place in office.places if place.name == "replicas")
        whom = Whom(accounts("seoul")[0], pid="0" * 32)
        copy = Home(city.home("tokyo")).replica("seoul")
        copy.rename(copy.with_name("away"))
        with pytest.raises(UnavailableError, match="tokyo"):
            replicas.purge([whom], print)
        copy.with_name("away").rename(copy)
        replicas.purge([whom], print)
        monkeypatch.setenv("LAKEHOUSE_REPLICAS", f"virginia={city.home('virginia')}")
        settings.cache_clear()
        forgetful = next(place for place in Office(settings(), "tests", ActorKind.SERVICE).places if place.name == "replicas")
        with pytest.raises(SettingsError, match="frankfurt, tokyo"):
            forgetful.left([whom])


def test_a_copy_that_is_withdrawn_is_gone_and_asked_for_no_more(city: City) -> None:
    pid = city.pids("seoul")[accounts("seoul")[0]]
    with city.at("seoul"):
        assert "tokyo" in succeeds("replicate", "--withdraw", "tokyo")
        assert lakehouse("replicate", "--withdraw", "tokyo").returncode == 11
    assert scan(city.home("tokyo"), [pid.encode()])[0] == []
    with city.at("tokyo"):
        assert lakehouse("serve", "--of", "seoul").returncode == 11
    with city.at("seoul"):
        office = Office(settings(), "tests", ActorKind.SERVICE)
        left = next(place for place in office.places if place.name == "replicas").left([Whom("x", pid=pid)])
    assert {one.place.partition(":")[0] for one in left} == {"virginia", "frankfurt"}


def test_who_is_restricted_is_read_nowhere_and_comes_back(city: City) -> None:
    who = accounts("seoul")[0]
    whom = Whom(who, pid=city.pids("seoul")[who])
    with city.at("tokyo"):
        succeeds("serve", "--of", "seoul")
    with city.at("seoul"):
        files = open_files(settings())
        place = next(p for p in Office(settings(), "tests", ActorKind.SERVICE).places if p.name == "replicas")
        restrict(files, {whom.pid: Restriction("accuracy_contested", cities.NOW, "r-1")})
        place.restrict([whom])
    assert online(city, "tokyo", "seoul", whom.pid) == []
    with city.at("seoul"):
        place.follow([whom])
        restrict(files, {})
        place.release([whom])
        succeeds("replicate")
    with city.at("tokyo"):
        succeeds("serve", "--of", "seoul")
    assert online(city, "tokyo", "seoul", whom.pid)


def test_a_vault_stays_where_it_was_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    city = City(tmp_path)
    with city.at("frankfurt"):
        open_vault(settings()).close()
        open_vault(settings()).close()
    with city.at("seoul"), pytest.raises(SettingsError, match="frankfurt"):
        open_vault(settings().model_copy(update={"home": city.home("frankfurt")}))
