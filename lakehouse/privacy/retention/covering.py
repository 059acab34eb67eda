"""Whether a hold covers a person: one that names them, or one of a contract, zone or tenant in which rows are about them.

digest ─▶ holds of the person ─┐
       └▶ pseudonym ─▶ clean: rows of the contract, zone or tenant that name it ─┴─▶ the holds, for which an erasure waits
"""

import duckdb
import pyarrow.parquet as pq

from lakehouse.contracts import registry
from lakehouse.places import clean_table
from lakehouse.privacy.naming import tables_naming_people
from lakehouse.privacy.retention.holds import Held, Hold, Holds, Of
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables


def holds_on(settings: Settings, vault: SqlVault, digest: bytes) -> list[Hold]:
    """Those in force. Nobody reads a table where there are none but of people."""
    holds = Holds(vault)
    found, wider = holds.on_person(digest), [hold for hold in holds.in_force() if hold.of != Of.PERSON]
    known = vault.by_digest([digest]) if wider else []
    return found + [hold for hold in wider if known and _names(settings, hold, known[0].pid)]


def _names(settings: Settings, hold: Hold, pid: str) -> bool:
    tables = open_tables(settings)
    named = tables_naming_people(registry()).items()
    chosen = [(c, list(columns)) for name, (c, columns) in named if hold.of != Of.CONTRACT or name == hold.value]
    return any(_is_in(tables.files(clean_table(c.domain, c.table)), columns, hold, pid) for c, columns in chosen)


def _is_in(files: list[str], columns: list[str], hold: Hold, pid: str) -> bool:
    with duckdb.connect() as database:
        for file in files:
            there = pq.read_schema(file).names
            of_place = Held(
                zones=frozenset([hold.value] if hold.of == Of.ZONE else []), orgs=frozenset([int(hold.value)] if hold.of == Of.ORG else [])
            )
            where = f"({Held(pids=frozenset([pid])).condition(there, columns)})"
            if hold.of != Of.CONTRACT:
                where += f" and ({of_place.condition(there, [])})"
            if database.execute(f"select 1 from read_parquet(?, hive_partitioning = false) where {where} limit 1", [file]).fetchone():
                return True
    return False
