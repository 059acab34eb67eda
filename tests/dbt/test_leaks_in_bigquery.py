"""The views that Terraform makes for readers show what the oracle says, by Google's reference evaluator.

Nothing is decrypted there: whoever may see a restricted column sees its ciphertext.
"""

import json
import re
from pathlib import Path

import pytest
from googlesql import BigQuery

from lakehouse.contracts.project import bigquery_schema
from lakehouse.privacy.access import columns_of
from lakehouse.privacy.bigquery import access_json
from tests.privacy import leak_oracle, leak_town
from tests.privacy.leak_oracle import Token, Who
from tests.privacy.leak_town import PEOPLE, Town
from tests.terraform.shown_views import READERS, views

pytestmark = pytest.mark.slow(10)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Town:
    return leak_town.build(tmp_path_factory.mktemp("leaks") / "home", root / "contracts", with_clean=False)


def test_a_reader_sees_what_the_oracle_says_and_nothing_else(town: Town) -> None:
    engine = BigQuery()
    engine.add("megacity.access.hidden", [("pid", "STRING")], [{"pid": pid} for pid in leak_town.HIDDEN])
    for contract in town.contracts.layer("curated", "features"):
        columns = [(column["name"], column["type"]) for column in bigquery_schema(columns_of(contract, town.contracts))]
        engine.add(f"megacity.{contract.layer}.{contract.table}", columns, town.stored[contract.table])
    made = views(json.loads(access_json(town.contracts)), "megacity")
    personal, timeless = leak_oracle.classes(town.settings.contracts), leak_oracle.timeless(town.settings.contracts)
    answered: dict[str, list[dict]] = {}

    def answer(sql: str) -> list[dict]:
        """What two readers ask alike but for their salt is asked once."""
        alike = re.sub("'[0-9a-f]{64}'", "'salt'", sql)
        if alike not in answered:
            answered[alike] = engine.answer(sql)
        return answered[alike]

    for name, said in READERS.items():
        who = Who(name, said["level"], said["purpose"], *(frozenset(said[k]) if k in said else None for k in ("zones", "orgs")))
        tokens: dict[str, str] = {}
        for table, rows in town.stored.items():
            expected = leak_oracle.visible(who, town.layers[table], rows, leak_town.HIDDEN, personal, table in timeless)
            if not expected:
                if f"{name}.{table}" in made:
                    assert expected is not None and answer(made[f"{name}.{table}"]) == [], f"{name}.{table}"
                continue
            _same(answer(made[f"{name}.{table}"]), expected, tokens, f"{name}.{table}")
        assert len(set(tokens.values())) == len(tokens) and bool(tokens) == (said["purpose"] == "analytics" and said["level"] == "L2")


def _same(found: list[dict], expected: list[dict], tokens: dict[str, str], where: str) -> None:
    assert len(found) == len(expected) and list(found[0]) == list(expected[0]), where
    plain = [name for name, value in expected[0].items() if not isinstance(value, Token)]
    by = lambda row: repr([row[name] for name in plain if not isinstance(row[name], float)])  # noqa: E731
    for got, wanted in zip(sorted(found, key=by), sorted(expected, key=by)):
        for name, value in wanted.items():
            if isinstance(value, Token):
                assert re.fullmatch("[0-9a-f]{32}", got[name]) and got[name] not in {pid for pid, *_ in PEOPLE}
                assert tokens.setdefault(value.pid, got[name]) == got[name], f"{where}.{name}"
            else:
                assert got[name] == value, f"{where}.{name}"
