"""What is sealed goes by whole files: raw with its commits, dead letters with what became of them, media objects, keys of days.

    raw file ─▶ its commit, once all its files are gone        dead letters ─▶ their fates        record ─▶ media object
    day key ─▶ destroyed, once no file that is left was sealed by it

In this order, so that who is killed in the middle leaves what replay, refine and the check of media take for expired. The refined
markers stay: quality counts with them, and they name nobody. A file that a hold covers a record of stays whole.
"""

import io
import json
from datetime import UTC, date, datetime

import duckdb
import pyarrow.parquet as pq

from lakehouse import places
from lakehouse.contracts.model import Contract
from lakehouse.media import record as media_records
from lakehouse.privacy.retention.office import Keeper
from lakehouse.privacy.retention.outcome import Outcome, together
from lakehouse.privacy.retention.rules import Rule
from lakehouse.privacy.sealed_files import sealed_files


def raw(keeper: Keeper, rule: Rule) -> Outcome:
    _, at = _at(keeper, rule)
    waiting = {path.rpartition("/")[2] for path in keeper.files.list(places.waiting_dir(*at) + "/")}
    outcomes, left = [], set()
    for path in keeper.files.list(f"{places.raw_dir(*at)}/dt="):
        is_waiting = path.rpartition("/")[2].removesuffix(".parquet").rpartition("-")[0] in waiting
        one = _file(keeper, rule, path, _day_in(path), is_waiting)
        outcomes.append(one)
        if not one.removed or keeper.is_dry:
            left.add(path)
    if not keeper.is_dry:
        _commits(keeper, rule, at, left)
    return together(rule, outcomes)


def _commits(keeper: Keeper, rule: Rule, at: tuple[str, str], left: set[str]) -> None:
    """A commit goes after the last of its files; one that never had any, by its own day."""
    for path in keeper.files.list(places.raw_commit_dir(*at) + "/"):
        said = json.loads(keeper.files.get(path))
        day = datetime.fromisoformat(said["last_received_at"]).astimezone(UTC).date()
        if day < rule.last_day(keeper.as_of) and not any(file["path"] in left for file in said["files"]):
            keeper.files.delete(path)


def dead_letters(keeper: Keeper, rule: Rule) -> Outcome:
    _, at = _at(keeper, rule)
    outcomes = [
        _file(keeper, rule, path, _newest(keeper, path, column), False)
        for folder, column in ((places.dead_letter_dir(*at), "failed_at"), (places.redrive_dir(*at), "redriven_at"))
        for path in keeper.files.list(folder + "/")
        if path.endswith(".parquet")
    ]
    return together(rule, outcomes)


def media(keeper: Keeper, rule: Rule) -> Outcome:
    """The record first: without it there is no object, and with it alone there would be one that is lost."""
    contract, _ = _at(keeper, rule)
    outcomes, owned, last_day, held = [], set(), rule.last_day(keeper.as_of), keeper.held
    for path in keeper.files.list(places.media_records_dir(contract.domain) + "/"):
        record = media_records.read(keeper.files, path)
        owned.add(record.path)
        if record.contract != contract.id:
            continue
        day = record.received_at.astimezone(UTC).date()
        is_held = (
            contract.id in held.contracts or record.zone_id in held.zones or record.org_id in held.orgs or record.subject in held.key_ids
        )
        if day >= last_day or is_held:
            outcomes.append(Outcome(rule, held=int(day < last_day), oldest=day))
            continue
        if not keeper.is_dry:
            keeper.files.delete(path)
            keeper.files.delete(record.path)
        outcomes.append(Outcome(rule, removed=1, bytes=record.sealed_bytes))
    for path in set(keeper.files.list(f"{places.media_dir(contract.domain)}/dt=")) - owned:
        day = _day_in(path)  # of an upload that was cut off, or whose record went before we were killed
        if day < last_day:
            if not keeper.is_dry:
                keeper.files.delete(path)
            outcomes.append(Outcome(rule, removed=1))
    return together(rule, outcomes)


def day_keys(keeper: Keeper, rule: Rule) -> Outcome:
    days = {name: date.fromisoformat(name.removeprefix("day:")) for name in keeper.vault.named("day:")}
    due = {name for name, day in days.items() if day < rule.last_day(keeper.as_of)}
    needed = due & _sealed_by(keeper) if due else set()
    if not keeper.is_dry:
        keeper.vault.destroy(due - needed)
    oldest = min((day for name, day in days.items() if name not in due - needed), default=None)
    return Outcome(rule, removed=len(due - needed), held=len(needed), oldest=oldest)


def _sealed_by(keeper: Keeper) -> set[str]:
    """Names of keys that open something which is left in raw or dead letters."""
    found: set[str] = set()
    for contract in keeper.contracts.ingested:
        for _, files in sealed_files(keeper.files, contract):
            if files:
                sql = "select distinct subject from read_parquet(?, hive_partitioning = false) where subject like 'day:%'"
                found |= {name for (name,) in duckdb.execute(sql, [files]).fetchall()}
    return found


def _file(keeper: Keeper, rule: Rule, path: str, day: date, is_waiting: bool) -> Outcome:
    if day >= rule.last_day(keeper.as_of):
        return Outcome(rule, oldest=day)
    if _is_held(keeper, rule, path):
        return Outcome(rule, held=1, oldest=day, examples=(path,))
    if is_waiting:
        return Outcome(rule, waiting=1, oldest=day, examples=(path,))
    size = len(keeper.files.get(path))
    if not keeper.is_dry:
        keeper.files.delete(path)
    return Outcome(rule, removed=1, bytes=size)


def _is_held(keeper: Keeper, rule: Rule, path: str) -> bool:
    held = keeper.held
    if rule.contract in held.contracts:
        return True
    if not (held.zones or held.orgs or held.key_ids):
        return False
    there = pq.read_schema(io.BytesIO(keeper.files.get(path))).names
    with duckdb.connect() as database:
        sql = f"select count(*) from read_parquet(?, hive_partitioning = false) where {held.condition(there, ['subject'])}"
        return database.execute(sql, [keeper.files.uri(path)]).fetchone()[0] > 0


def _newest(keeper: Keeper, path: str, column: str) -> date:
    rows = pq.read_table(io.BytesIO(keeper.files.get(path)), columns=[column])
    return max(rows[column].to_pylist()).astimezone(UTC).date()


def _day_in(path: str) -> date:
    return date.fromisoformat(path.split("/dt=")[1].split("/")[0])


def _at(keeper: Keeper, rule: Rule) -> tuple[Contract, tuple[str, str]]:
    contract = keeper.contracts.get(rule.contract)
    return contract, (contract.domain, contract.table)
