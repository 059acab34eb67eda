"""The newest estimates against what the simulator knows: correlation, error, and whether the standard errors are honest.

    <home>/truth/items.parquet      item → a, b, c            ┐
    <home>/truth/abilities.parquet  attempt, skill → ability  ├─▶ Compared: a, b, c, theta
    derived tables, fact_attempts   (attempt → pseudonym)     ┘

The simulator cannot know pseudonyms; it names one attempt of each student instead.
"""

from dataclasses import dataclass

import duckdb
import numpy as np
from rich.table import Table

from lakehouse.errors import BadInputError
from lakehouse.places import CURATED_SCHEMA, Home, clean_table
from lakehouse.settings import Settings
from lakehouse.storage.open import open_tables, open_warehouse
from psychometrics import OVERALL, responses

MANY_ANSWERS = 100
"""Of items with fewer, much of what is estimated is the prior: those with as many are told by themselves too."""
_WIDE = 1.96
_PARAMETERS = ("discrimination", "difficulty", "guessing")


@dataclass(frozen=True)
class Compared:
    """One kind of estimate over all its rows. `within`: the share of truths inside 1.96 standard errors, which should be 0.95."""

    name: str
    count: int
    correlation: float
    rmse: float
    mean_error: float
    within: float


def compare(settings: Settings) -> list[Compared]:
    """Raises BadInputError where nothing was simulated or calibrated."""
    folder, tables = Home(settings.home).truth, open_tables(settings)
    if not (folder / "abilities.parquet").exists():
        raise BadInputError(
            f"{folder} does not say what is true of items and students", hint="run `lakehouse simulate` with the same LAKEHOUSE_HOME"
        )
    items, abilities = (tables.files(clean_table("psychometrics", name)) for name in ("item_calibrations", "ability_estimates"))
    if not items:
        raise BadInputError("nothing was calibrated", hint="simulate, land, refine and model first: there are no answers yet")
    with responses.opened(open_warehouse(settings)) as warehouse:
        items_found = [
            (
                f"{least}+ answers" if least > 1 else "all items",
                _items(warehouse, items, str(folder / "items.parquet"), least),
            )
            for least in (1, MANY_ANSWERS)
        ]
        thetas = warehouse.execute(
            _abilities_sql(), {"files": abilities, "truth": str(folder / "abilities.parquet"), "overall": OVERALL}
        ).fetchnumpy()
    made = [
        _compared(f"{name}, {which}", *(found[f"{name}_{what}"] for what in ("true", "told", "error")))
        for which, found in items_found
        for name in _PARAMETERS
        if len(found[f"{name}_true"]) > 1
    ]
    return [*made, _compared("theta of a student and skill", thetas["true"], thetas["theta"], thetas["standard_error"])]


def _items(warehouse: duckdb.DuckDBPyConnection, files: list[str], truth: str, least: int) -> dict[str, np.ndarray]:
    columns = ", ".join(f"{n} as {n}_true, calibrated_{n} as {n}_told, {n}_error" for n in _PARAMETERS)
    sql = f"""
        select {columns} from read_parquet($files, hive_partitioning = true) as told
        inner join read_parquet($truth) as known using (item_id)
        where calibrated_response_count >= $least
        qualify row_number() over (partition by item_id order by dt desc) = 1 order by item_id"""
    return warehouse.execute(sql, {"files": files, "truth": truth, "least": least}).fetchnumpy()


def _abilities_sql() -> str:
    return f"""
        select known.ability as true, told.theta, told.standard_error from read_parquet($files, hive_partitioning = true) as told
        inner join {CURATED_SCHEMA}.fact_attempts using (user_pid)
        inner join read_parquet($truth) as known on known.attempt_id = fact_attempts.attempt_id and known.skill = told.skill
        where told.skill <> $overall
        qualify row_number() over (partition by told.user_pid, told.skill order by dt desc) = 1 order by told.user_pid, told.skill"""


def _compared(name: str, true: np.ndarray, told: np.ndarray, error: np.ndarray) -> Compared:
    off = told - true
    return Compared(
        name,
        len(true),
        round(float(np.corrcoef(true, told)[0, 1]), 3),
        round(float(np.sqrt((off**2).mean())), 3),
        round(float(error.mean()), 3),
        round(float((np.abs(off) <= _WIDE * error).mean()), 3),
    )


def table(compared: list[Compared]) -> Table:
    shown = Table("estimate", "count", "correlation", "RMSE", "mean error", "within 1.96", title="against the simulator's truth")
    for row in compared:
        shown.add_row(row.name, f"{row.count:,}", *(f"{v:.3f}" for v in (row.correlation, row.rmse, row.mean_error, row.within)))
    return shown
