"""Everybody of a zone or a tenant: whom rows of clean are about there, as the vault's digests of their accounts.

columns that name people (naming.py), zone_id or org_id, dt ─▶ pseudonyms ─▶ vault ─▶ digests

Reckoned once, when a disclosure is entered: later the rows may be gone, and others have joined.
"""

from collections.abc import Collection
from datetime import date

import duckdb
import pyarrow.parquet as pq

from lakehouse.contracts import registry
from lakehouse.places import clean_table
from lakehouse.privacy.disclosures.register import Scope
from lakehouse.privacy.naming import tables_naming_people
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables

_COLUMN = {Scope.ZONE: "zone_id", Scope.ORG: "org_id"}


def people_of(
    settings: Settings, vault: SqlVault, scope: Scope, value: str, datasets: Collection[str] = (), until: date | None = None
) -> set[bytes]:
    """In rows of these datasets until that day; in every table where one of them is no table of clean, but made from such."""
    tables, named = open_tables(settings), tables_naming_people(registry())
    chosen = [named[one] for one in datasets] if datasets and set(datasets) <= named.keys() else list(named.values())
    found: set[str] = set()
    for contract, columns in chosen:
        owners = [name for name, is_whole in columns.items() if is_whole]
        found |= _in(tables.files(clean_table(contract.domain, contract.table)), owners, _COLUMN[scope], value, until)
    return vault.digests_of(found)


def _in(files: list[str], owners: list[str], place: str, value: str, until: date | None) -> set[str]:
    there = {name for file in files for name in pq.read_schema(file).names}
    if place not in there:
        return set()
    with duckdb.connect() as database:
        listed = ", ".join(f'"{name}"' for name in owners if name in there)
        sql = f"""select distinct pid from (
            select unnest([{listed}]) as pid from read_parquet($files, union_by_name = true, hive_partitioning = true)
            where "{place}"::varchar = $value and ($until is null or dt::date <= $until::date)) where pid is not null"""
        return {pid for (pid,) in database.execute(sql, {"files": files, "value": value, "until": until}).fetchall()}
