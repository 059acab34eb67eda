"""Restricted columns: nobody reads them without the vault, the same row gives the same bytes, and keys follow the values."""

from collections import Counter

import duckdb
import pyarrow as pa
import pytest

from lakehouse.contracts import registry
from lakehouse.errors import CorruptError, KeyGoneError
from lakehouse.places import clean_table
from lakehouse.privacy import columns
from lakehouse.privacy.rotation import retire_column_keys, rotate
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import settings
from lakehouse.storage.open import open_files, open_tables, open_vault

EXAM, LOGIN = registry().get("exam.events"), registry().get("auth.login.events")
ANSWER, NETWORK = "redacted_answer_text", "ip_network"
TEXTS = ["내 번호는 [PHONE]", "x = 12", None, "x = 12", ""]


def encrypted(vault, contract, column, values, first=0) -> list[str | None]:
    rows = pa.table({"event_id": [f"event-{first + n:04d}" for n in range(len(values))], column: pa.array(values, pa.string())})
    return columns.encrypted(rows, contract, registry().vocabulary, vault)[column].to_pylist()


@pytest.fixture
def vault(home) -> SqlVault:
    return open_vault(settings())


def test_equal_texts_look_different_and_the_same_row_the_same(vault) -> None:
    stored = encrypted(vault, EXAM, ANSWER, TEXTS)
    assert stored[2] is None and len(set(stored)) == len(TEXTS) and all(v.startswith("enc.1.") for v in stored if v)
    assert encrypted(vault, EXAM, ANSWER, TEXTS) == stored, "refined again it is the same bytes"
    assert columns.decrypted(stored, ANSWER, open_vault(settings())) == TEXTS


def test_what_joins_need_stays_equal_across_rotations_and_nothing_else_does(vault) -> None:
    networks = ["203.0.113.0/24", "198.51.100.0/24", "203.0.113.0/24"]
    before, text_before = encrypted(vault, LOGIN, NETWORK, networks), encrypted(vault, EXAM, ANSWER, TEXTS)
    rotate(vault.keyring, lambda *_, **__: None)
    after, text_after = encrypted(vault, LOGIN, NETWORK, networks), encrypted(vault, EXAM, ANSWER, TEXTS)
    assert after == before and [after.count(v) for v in after] == [2, 1, 2]
    assert text_after[0].startswith("enc.2.") and not set(text_after) & set(text_before) - {None}
    assert columns.decrypted([*text_before, *text_after], ANSWER, open_vault(settings())) == TEXTS * 2


def test_a_value_that_was_damaged_or_is_another_columns_does_not_open(vault) -> None:
    (stored,) = encrypted(vault, EXAM, ANSWER, ["secret words"])
    for wrong in (stored[:-6] + ("A" if stored[-6] != "A" else "B") + stored[-5:], stored[:30], stored[:-2]):
        with pytest.raises(CorruptError) as told:
            columns.decrypted([wrong], ANSWER, vault)
        assert "secret" not in str(told.value)
    with pytest.raises(CorruptError, match="another column's"):
        columns.decrypted([stored], "redacted_review_text", vault)
    with pytest.raises(CorruptError, match="not encrypted"):
        columns.decrypted(["in clear"], ANSWER, vault)


def test_sql_can_decrypt_within_and_not_before_and_not_after(vault) -> None:
    opened, stored = [], encrypted(vault, EXAM, ANSWER, TEXTS)
    sql = f"select decrypted('{ANSWER}', v) from answers order by n"
    with duckdb.connect() as database:
        database.register("answers", pa.table({"n": range(len(stored)), "v": pa.array(stored, pa.string())}))
        with pytest.raises(duckdb.CatalogException):
            database.execute(sql)
        with columns.decrypting(database, lambda: opened.append(1) or open_vault(settings())):
            assert database.execute(f"select decrypted('{ANSWER}', v) from answers where v is null").fetchall() == [(None,)]
            assert opened == [], "there was no value"
            assert [text for (text,) in database.execute(sql).fetchall()] == TEXTS
        with pytest.raises(duckdb.CatalogException):
            database.execute(sql)
    assert opened == [1]


def test_the_vault_is_asked_once_for_a_key_whatever_the_rows(vault, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, real = [], SqlVault.keys
    monkeypatch.setattr(SqlVault, "keys", lambda self, names: asked.append(set(names)) or real(self, names))
    texts = [None if n % 7 == 0 else f"text {n % 5_000}" for n in range(10_000)]
    before = encrypted(vault, EXAM, ANSWER, texts)
    rotate(vault.keyring, lambda *_, **__: None)
    stored = pa.table({"n": range(20_000), "v": pa.array(before + encrypted(vault, EXAM, ANSWER, texts), pa.string())})
    with duckdb.connect() as database, columns.decrypting(database, lambda: open_vault(settings())):
        database.register("stored", stored)
        found = database.execute(f"select decrypted('{ANSWER}', v) from stored order by n").fetchall()
    assert [text for (text,) in found] == texts * 2 and sorted(asked, key=sorted) == [{"column:1"}, {"column:2"}]


def test_what_went_wrong_in_a_query_is_raised_as_it_was(vault) -> None:
    (stored,) = encrypted(vault, EXAM, ANSWER, ["secret words"])
    for value, error in ((stored.replace("enc.1.", "enc.99."), KeyGoneError), (stored[:-6], CorruptError), ("in clear", CorruptError)):
        with duckdb.connect() as database, pytest.raises(error) as told, columns.decrypting(database, lambda: open_vault(settings())):
            database.execute(f"select decrypted('{ANSWER}', ?)", [value])
        assert told.value.hint and value not in str(told.value)


def test_a_column_key_goes_once_no_file_has_its_values(vault) -> None:
    tables, table, told = open_tables(settings()), clean_table(EXAM.domain, EXAM.table), []

    def written(day: str) -> None:
        day = pa.array([day]).cast(pa.date32())
        rows = pa.table({"event_id": [f"event-{day[0]}"], ANSWER: ["words"], "dt": day})
        tables.append(table, columns.encrypted(rows, EXAM, registry().vocabulary, vault), f"batch-{day[0]}", {})

    def retired() -> list[str]:
        record = lambda action, **details: told.append((action, details))  # noqa: E731
        return retire_column_keys(vault, registry(), tables, open_files(settings()), record)

    for number in (1, 2, 3):
        written(f"2026-03-0{number}")
        rotate(vault.keyring, lambda *_, **__: None)
    assert vault.named("column:") == ["column:1", "column:2", "column:3"] and retired() == []
    values = [v for (v,) in duckdb.execute(f"select {ANSWER} from read_parquet(?)", [tables.files(table)]).fetchall()]
    assert Counter(v.split(".")[1] for v in values) == {"1": 1, "2": 1, "3": 1}
    first = sorted(values)[0]
    tables.replace_days(table, pa.table({"dt": pa.array([], pa.date32())}), [pa.scalar("2026-03-01").cast(pa.date32()).as_py()], {})
    assert retired() == ["column:1"] and retired() == [] and told == [("key.destroyed", {"key": "column:1"})]
    with pytest.raises(KeyGoneError):
        columns.decrypted([first], ANSWER, vault)
