"""Metabase: provisioned twice is provisioned once, filters reach their cards, and the files are what its own validator takes."""

import copy
import re
import subprocess
from pathlib import Path

import pytest
import yaml
from metabase_stub import KEY, PASSWORD, USER, Stub, served
from pydantic import SecretStr
from typer.testing import CliRunner

from dashboards.definitions import dashboards
from dashboards.metabase import files, shapes
from dashboards.metabase.client import signed_in
from dashboards.metabase.provisioning import Provisioned, Provisioning, details
from lakehouse.cli import app
from lakehouse.contracts.registry import registry
from lakehouse.errors import BadInputError, DeniedError, SettingsError, UnavailableError
from lakehouse.settings import Settings, settings

_DATABASE = "postgresql://metabase:p%40ss@marts.internal:5433/megacity?sslmode=require"
_CARDS = sum(len(board.cards) for board in dashboards())


def _provision(url: str, boards=None, **who) -> Provisioned:
    settings = Settings(metabase_url=url, **(who or {"metabase_api_key": SecretStr(KEY)}))
    with signed_in(settings) as api:
        return Provisioning(api, registry()).run(boards or dashboards(), _DATABASE)


@pytest.fixture
def stub() -> Stub:
    return Stub()


def test_what_is_missing_is_made_and_a_second_run_doubles_nothing(stub: Stub) -> None:
    with served(stub) as url:
        first = _provision(url)
        once = copy.deepcopy(stub.things)
        second = _provision(url)
    assert stub.refused == []
    assert (first.made, second.made, second.archived) == (1 + 1 + 6 + _CARDS + 6, 0, 0)
    assert stub.things == once
    assert stub.named("card") == sorted(card.title for board in dashboards() for card in board.cards)
    assert stub.named("dashboard") == sorted(board.title for board in dashboards())


def test_a_filter_reaches_every_card_that_has_one_and_no_other(stub: Stub) -> None:
    with served(stub) as url:
        _provision(url)
    for board in dashboards():
        made = next(each for each in stub.things["dashboard"].values() if each["name"] == board.title)
        wired = {stub.things["card"][each["card_id"]]["name"] for each in made["dashcards"] if each["parameter_mappings"]}
        assert wired == {card.title for card in board.cards if card.has_zone_filter}
        assert len(made["dashcards"]) == len(board.cards)
        assert [p["slug"] for p in made["parameters"]] == (["zone"] if wired else [])
        for parameter in made["parameters"]:
            assert len(parameter["values_source_config"]["values"]) == 9


def test_a_card_that_is_gone_is_archived_and_what_people_made_is_left(stub: Stub) -> None:
    with served(stub) as url:
        _provision(url)
        own = stub.add("collection", {"name": "Revenue and ARPU", "location": "/", "archived": False})
        people = stub.add("card", {"name": "Revenue a day, by zone", "collection_id": own["id"], "display": "pie"})
        before = copy.deepcopy(people)
        fewer = tuple(board.model_copy(update={"cards": board.cards[1:]}) for board in dashboards())
        done = _provision(url, fewer)
    assert stub.refused == [] and (done.made, done.archived) == (0, 6)
    assert stub.things["card"][people["id"]] == before
    gone = {card["name"] for card in stub.things["card"].values() if card.get("archived")}
    assert gone == {board.cards[0].title for board in dashboards()}


def test_who_signs_in_with_a_password_signs_out(stub: Stub) -> None:
    with served(stub) as url:
        _provision(url, metabase_user=USER, metabase_password=SecretStr(PASSWORD))
    assert stub.requests[0] == ("POST", "/api/session") and stub.requests[-1] == ("DELETE", "/api/session")
    assert stub.sessions == set() and len(stub.things["dashboard"]) == 6


def test_refusals_say_what_to_do_and_hold_no_secret(stub: Stub) -> None:
    with served(stub) as url:
        with pytest.raises(DeniedError) as denied:
            _provision(url, metabase_api_key=SecretStr("mb_wrong"))
        with pytest.raises(SettingsError, match="nobody signs in"):
            _provision(url, metabase_user=USER)
    with pytest.raises(SettingsError, match="no Metabase is known"):
        _provision("")
    with pytest.raises(UnavailableError):
        _provision(url)
    with pytest.raises(BadInputError) as no_address:
        details("mysql://metabase:secret@marts/megacity")
    told = f"{denied.value} {denied.value.hint} {no_address.value}"
    assert "mb_wrong" not in told and "secret" not in told and stub.things["card"] == {}


def test_the_database_is_told_as_metabase_connects() -> None:
    told = details(_DATABASE)
    assert (told["host"], told["port"], told["dbname"], told["user"], told["password"]) == (
        "marts.internal",
        5433,
        "megacity",
        "metabase",
        "p@ss",
    )
    assert told["ssl"] is True and told["schema-filters-patterns"] == "curated"


def test_metabases_own_validator_takes_the_files(npm_tools: Path, tmp_path: Path) -> None:
    tree = files.tree(dashboards(), registry())
    files.write(tmp_path, tree)
    assert len(tree) == 1 + 6 + _CARDS
    good = _validate(npm_tools, tmp_path)
    assert good.returncode == 0 and f"{len(tree)} passed, 0 failed" in good.stdout, good.stdout
    card = next(path for path in tmp_path.rglob("*.yaml") if "dataset_query" in path.read_text())
    card.write_text(yaml.safe_dump(yaml.safe_load(card.read_text()) | {"display": "hologram"}))
    assert _validate(npm_tools, tmp_path).returncode == 1


def _validate(tools: Path, folder: Path) -> subprocess.CompletedProcess:
    words = [str(tools / "node_modules" / ".bin" / "representations"), "validate-schema", "--folder", str(folder)]
    return subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)


def test_ids_of_the_files_last_and_refer_to_one_another() -> None:
    tree = {path: yaml.safe_load(text) for path, text in files.tree(dashboards(), registry()).items()}
    assert tree == {path: yaml.safe_load(text) for path, text in files.tree(dashboards(), registry()).items()}
    ids = {thing["entity_id"] for thing in tree.values()}
    assert len(ids) == len(tree) and all(len(each) == 21 for each in ids)
    for thing in tree.values():
        for standing in thing.get("dashcards", []):
            assert standing["card_id"] in ids
            assert all(wire["card_id"] == standing["card_id"] for wire in standing["parameter_mappings"])


@pytest.mark.parametrize("board", dashboards(), ids=lambda board: board.key)
def test_cards_stand_apart_on_the_grid(board) -> None:
    taken: set[tuple[int, int]] = set()
    placed = list(shapes.placed(board))
    for _, place in placed:
        cells = {(place.row + y, place.col + x) for y in range(place.size_y) for x in range(place.size_x)}
        assert not taken & cells and place.col + place.size_x <= 24
        taken |= cells
    assert {card.title for card, _ in placed} == {card.title for card in board.cards}


def test_the_commands_provision_and_export(stub: Stub, tmp_path: Path) -> None:
    with served(stub) as url:
        env = {"LAKEHOUSE_METABASE_URL": url, "LAKEHOUSE_METABASE_API_KEY": KEY}
        with pytest.raises(SettingsError, match="no database to ask"):
            _lakehouse(env, "provision")
        done = _lakehouse(env | {"LAKEHOUSE_METABASE_DATABASE_URL": _DATABASE}, "provision")
    assert done.stdout.startswith(f"made {1 + 1 + 6 + _CARDS + 6}, ") and "p@ss" not in done.output and "p%40ss" not in done.output
    assert _lakehouse({}, "export", str(tmp_path)).stdout.startswith(f"wrote {1 + 6 + _CARDS} files")
    assert {str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.yaml")} == set(files.tree(dashboards(), registry()))


def _lakehouse(env: dict, *words: str):
    settings.cache_clear()
    try:
        return CliRunner().invoke(app("dashboards"), ["dashboards", *words], env=env, catch_exceptions=False)
    finally:
        settings.cache_clear()


def test_the_compose_file_pins_its_images_and_knows_no_secret(root: Path) -> None:
    services = yaml.safe_load((root / "deploy" / "metabase" / "compose.yaml").read_text(encoding="utf-8"))["services"]
    assert {"metabase", "metabase_store", "marts"} == set(services)
    for name, service in services.items():
        assert re.search(r":v?\d+\.\d+[\w.-]*$", service["image"]), f"{name} has no pinned image"
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", [])), f"{name} listens beyond this machine"
        secrets = {key: value for key, value in service["environment"].items() if re.search(r"PASS(WORD)?$|KEY$", key)}
        assert secrets and all(re.fullmatch(r"\$\{\w+:\?[^}]+\}", value) for value in secrets.values()), f"{name}: a secret has a default"
