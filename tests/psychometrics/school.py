"""A warehouse that holds nothing but answers, and what `lakehouse calibrate` makes of it."""

from datetime import date, timedelta
from pathlib import Path

import duckdb
import numpy as np
import pyarrow as pa
from pupils import bank, sat

from lakehouse.places import Home, clean_table
from lakehouse.settings import settings
from lakehouse.storage.open import open_tables

FIRST = date(2025, 9, 1)
SKILLS = ("algebra", "reading")
ITEMS = 40
BANK = bank(ITEMS, seed=5)


def theta_of(user: int, skill: int) -> float:
    return float(np.random.default_rng([user, skill]).normal())


def answers(days: int, each_day: int = 12, items: int = ITEMS, seed: int = 1) -> pa.Table:
    """`each_day` students a day answer ten items of one skill: the even items are algebra. Some answers name no skill."""
    chance, made = np.random.default_rng(seed), []
    for day in range(days):
        for user in chance.choice(30, each_day, replace=False).tolist():
            skill = int(chance.integers(2))
            given = sat(np.array([theta_of(user, skill)]), BANK, ITEMS, int(chance.integers(2**31)))
            mine = np.flatnonzero((given.item % 2 == skill) & (given.item < items))[:10]
            for n in mine.tolist():
                named = SKILLS[skill] if chance.random() < 0.95 else None
                made.append(
                    (
                        f"at-{user:02d}",
                        f"pid-{user:02d}",
                        named,
                        f"item-{given.item[n]:02d}",
                        bool(given.is_right[n]),
                        FIRST + timedelta(days=day),
                    )
                )
    names = ("attempt_id", "user_pid", "skill", "item_id", "is_correct", "responded_on")
    return pa.table(dict(zip(names, zip(*made))))


def fill(home: Path, rows: pa.Table) -> None:
    """Replace curated.fact_responses by these rows, and fact_attempts by what they say of it."""
    path = Home(home).warehouse
    path.parent.mkdir(parents=True, exist_ok=True)
    with duckdb.connect(str(path)) as warehouse:
        warehouse.register("given", rows)
        warehouse.execute("create schema if not exists curated")
        warehouse.execute("create or replace table curated.fact_responses as select * from given")
        warehouse.execute(
            "create or replace table curated.fact_attempts as select distinct attempt_id, user_pid, 0.5 as theta, 0.5 as standard_error from given"
        )


def kept(table: str) -> list[tuple]:
    """The rows of a derived table, in order."""
    files = open_tables(settings()).files(clean_table("psychometrics", table))
    if not files:
        return []
    with duckdb.connect() as db:
        return db.execute("select * from read_parquet($files, hive_partitioning = true) order by all", {"files": files}).fetchall()


def version(table: str) -> int:
    return open_tables(settings()).version(clean_table("psychometrics", table))
