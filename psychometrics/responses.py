"""What was answered, from the warehouse: days, their fingerprints, and the answers of a window as sparse counts.

curated.fact_responses ─┬▶ days(): day → fingerprint, answers by item       what schedule.py decides by
                        └▶ window(): student × skill × item → right, wrong   what is calibrated and estimated from
"""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from scipy import sparse

from lakehouse.errors import BadInputError
from lakehouse.places import CURATED_SCHEMA
from lakehouse.storage.warehouse import patiently
from psychometrics import WINDOW_DAYS

_FACT = f"{CURATED_SCHEMA}.fact_responses"
_ANSWERS = "answers_shown"


@dataclass(frozen=True)
class Day:
    """A business day with answers. `fingerprint` is another one where any of its answers is."""

    on: date
    fingerprint: int
    answers: dict[str, int]  # item → how many


@dataclass(frozen=True)
class Answers:
    """A row a student, skill and item with an answer, ordered. `skill` is empty where the answers name none."""

    user: np.ndarray
    skill: np.ndarray
    item: np.ndarray
    right: np.ndarray
    wrong: np.ndarray

    def only(self, rows: np.ndarray) -> "Answers":
        return Answers(self.user[rows], self.skill[rows], self.item[rows], self.right[rows], self.wrong[rows])


@contextmanager
def opened(path: Path, hidden: Collection[str] = ()) -> Iterator[duckdb.DuckDBPyConnection]:
    """The warehouse, to read, less the answers of whoever is hidden. Raises BadInputError where nothing was modelled yet, BusyError."""
    hint = "run `lakehouse model` first"
    if not path.exists():
        raise BadInputError(f"there is no warehouse at {path}", hint=hint)
    with patiently(lambda: duckdb.connect(str(path), read_only=True), path) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        if not warehouse.execute("select 1 from duckdb_tables() where schema_name || '.' || table_name = ?", [_FACT]).fetchone():
            raise BadInputError(f"the warehouse has no {_FACT}", hint=hint)
        warehouse.register("hidden", pa.table({"pid": pa.array(sorted(hidden), pa.string())}))
        warehouse.execute(f"create temp view {_ANSWERS} as select fact.* from {_FACT} as fact anti join hidden on user_pid = pid")
        yield warehouse


def days(warehouse: duckdb.DuckDBPyConnection) -> list[Day]:
    """Every business day on which anything was answered, in order."""
    # Sums of hashes: the order of rows does not matter, and a row that is there twice counts.
    hashes = warehouse.execute(
        f"""select responded_on, cast(sum(hash(user_pid, skill, item_id, is_correct)) % 9223372036854775783 as bigint)
        from {_ANSWERS} group by 1 order by 1"""
    ).fetchall()
    answers: dict[date, dict[str, int]] = {day: {} for day, _ in hashes}
    for day, item, count in warehouse.execute(
        f"select responded_on, item_id, count(*) from {_ANSWERS} group by 1, 2 order by 1, 2"
    ).fetchall():
        answers[day][item] = count
    return [Day(day, fingerprint, answers[day]) for day, fingerprint in hashes]


def window(warehouse: duckdb.DuckDBPyConnection, last: date) -> Answers:
    """The answers of the window that ends on `last`."""
    rows = warehouse.execute(
        f"""select user_pid, coalesce(skill, '') as skill, item_id,
            count(*) filter (is_correct) as right, count(*) filter (not is_correct) as wrong
        from {_ANSWERS} where responded_on between ? and ? group by all order by all""",
        [last - timedelta(days=WINDOW_DAYS - 1), last],
    ).to_arrow_table()
    user, skill, item = (np.asarray(rows[name].to_pylist(), dtype=object) for name in ("user_pid", "skill", "item_id"))
    return Answers(user, skill, item, *(rows[name].to_numpy().astype(float) for name in ("right", "wrong")))


def users_on(warehouse: duckdb.DuckDBPyConnection, day: date) -> set[str]:
    return {user for (user,) in warehouse.execute(f"select distinct user_pid from {_ANSWERS} where responded_on = ?", [day]).fetchall()}


def numbered(*keys: np.ndarray) -> tuple[np.ndarray, list[tuple[str, ...]]]:
    """The number of each row's key among the different ones, which come sorted."""
    columns = [pa.array(key.tolist(), pa.string()) for key in keys]
    names = [str(n) for n in range(len(columns))]
    table = pa.table(columns, names)
    distinct = table.group_by(names).aggregate([]).sort_by([(name, "ascending") for name in names])
    joined = table.append_column("row", pa.array(np.arange(len(table)))).join(
        distinct.append_column("number", pa.array(np.arange(len(distinct)))), keys=names
    )
    number = joined["number"].take(pc.sort_indices(joined["row"])).to_numpy()
    return number, list(zip(*(distinct[name].to_pylist() for name in names)))


def counts(answers: Answers, unit: np.ndarray, item: np.ndarray, shape: tuple[int, int]) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Right and wrong answers, units × items."""
    made = []
    for values in (answers.right, answers.wrong):
        there = values > 0
        matrix = sparse.csr_array((values[there], (unit[there], item[there])), shape=shape)
        matrix.sum_duplicates()
        made.append(matrix)
    return made[0], made[1]
