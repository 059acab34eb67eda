"""The two derived tables, as they are kept: columns to Arrow and back, a day at a time.

    Calibration, Drift ─▶ psychometrics/clean/item_calibrations/dt=…      (and back: later days need earlier items)
    Estimates ──────────▶ psychometrics/clean/ability_estimates/dt=…

With a day goes the digest of what it was worked out from, in the same commit.
"""

from datetime import date
from pathlib import PurePosixPath

import duckdb
import numpy as np
import pyarrow as pa

from lakehouse.contracts import Contract, registry
from lakehouse.contracts.project import arrow_schema, clean_fields
from lakehouse.places import clean_table
from lakehouse.storage.protocols import TableStore
from psychometrics.calibrating import MEASURED, Calibration, Drift
from psychometrics.estimating import Estimates

ITEMS, ABILITIES = "psychometrics.item_calibrations", "psychometrics.ability_estimates"
_GONE = 0
_COLUMNS = {name: name if name.endswith(("_error", "_deviation")) else f"calibrated_{name}" for name in MEASURED}


class Kept:
    """One of the tables, by the id of its contract."""

    def __init__(self, tables: TableStore, contract_id: str) -> None:
        contract: Contract = registry().get(contract_id)
        self._tables, self._table = tables, clean_table(contract.domain, contract.table)
        self._schema = arrow_schema(clean_fields(contract, registry().vocabulary))

    def has(self, day: date, digest: int) -> bool:
        """Whether the day's rows were worked out from the same."""
        return self._tables.seen(self._table, day.isoformat()) == digest

    def keep(self, day: date, rows: dict, digest: int) -> None:
        columns = rows | {"dt": [day] * len(next(iter(rows.values())))}
        table = pa.table([pa.array(columns[f.name], f.type) for f in self._schema], schema=self._schema)
        self._tables.replace_days(self._table, table, [day], {day.isoformat(): digest})

    def days(self) -> set[date]:
        """Those that have rows; a file's folder names its day."""
        return {date.fromisoformat(PurePosixPath(path).parent.name.removeprefix("dt=")) for path in self._tables.files(self._table)}

    def empty(self, day: date) -> None:
        self._tables.replace_days(self._table, self._schema.empty_table(), [day], {day.isoformat(): _GONE})

    def read(self, day: date) -> pa.Table:
        files = self._tables.files(self._table, {day})
        with duckdb.connect() as db:
            return db.execute(
                "select * exclude (dt) from read_parquet($files, hive_partitioning = true) order by all", {"files": files}
            ).to_arrow_table()


def item_rows(made: Calibration, compared: date | None, drift: Drift | None) -> dict:
    nothing = np.full(len(made.item), np.nan)
    shift, z = (nothing, nothing) if drift is None else (drift.shift, drift.z)
    is_known = ~np.isnan(z)
    return {
        "item_id": made.item,
        **{column: getattr(made, name) for name, column in _COLUMNS.items()},
        "calibrated_response_count": made.answers,
        "compared_calibrated_on": [compared if known else None for known in is_known],
        "difficulty_shift": [float(v) if known else None for v, known in zip(shift, is_known)],
        "drift_z": [float(v) if known else None for v, known in zip(z, is_known)],
        "is_drifting": np.zeros(len(made.item), bool) if drift is None else drift.is_drifting,
    }


def calibration_of(on: date, rows: pa.Table) -> Calibration:
    measured = {name: rows[column].to_numpy() for name, column in _COLUMNS.items()}
    return Calibration(on, rows["item_id"].to_pylist(), **measured, answers=rows["calibrated_response_count"].to_numpy())


def ability_rows(made: Estimates, calibrated_on: date) -> dict:
    return {
        "user_pid": made.user,
        "skill": made.skill,
        "theta": made.theta,
        "standard_error": made.standard_error,
        "response_count": made.answers,
        "calibrated_on": [calibrated_on] * len(made.user),
    }
