"""The gate: one process, one DuckDB, one suite after another.

    Dataset ─▶ row_checks ─────▶ suite over the table      ┐
            └▶ measure_checks ─▶ suite over one row of     ├─▶ Result ─▶ passed, warned, failed or unknown
                                 measures                  ┘

Great Expectations judges through SQLAlchemy, so that the same suites run on BigQuery. Only counts leave it: it is told
to keep no example of an unexpected value, because that might be something a person wrote.
"""

from dataclasses import dataclass
from datetime import date, datetime

from lakehouse.errors import require
from quality.datasets import Dataset
from quality.expectations import Check, measure_checks, row_checks
from quality.measures import Deliveries, Measures, measure

_DATABASE = ":memory:quality_gate"
_COUNTS_ONLY = {"result_format": "BASIC", "partial_unexpected_count": 0}


@dataclass(frozen=True)
class Result:
    """A verdict; the attributes are the columns of monitoring.data_quality_checks, less those that name the run."""

    checked_dataset: str
    check_name: str
    check_type: str
    checked_column: str | None
    check_status: str
    check_severity: str
    observed_value: float | None
    threshold_text: str
    rows_checked: int
    rows_failed: int | None
    advice: str


class Gate:
    """Great Expectations over an in-memory DuckDB that the caller fills with views (`query`)."""

    def __init__(self) -> None:
        gx = require("great_expectations", "quality")
        _keep_connections_open()
        context = gx.get_context(mode="ephemeral")
        context.enable_analytics(False)
        context.variables.progress_bars = {"globally": False, "metric_calculations": False}
        self._gx = gx
        self._source = context.data_sources.add_sql("lake", connection_string=f"duckdb:///{_DATABASE}", create_temp_table=False)
        self._connection = self._source.get_engine().connect()

    def close(self) -> None:
        """Lets go of every attached file: Great Expectations keeps connections of its own, which would hold them."""
        for (name,) in self.query("select database_name from duckdb_databases() where not internal and path is not null"):
            self.query(f'detach "{name}"')
        self._connection.close()
        self._source.get_engine().dispose()

    def query(self, sql: str) -> list[tuple]:
        """Run one statement; rows where it gives some. See datasets.Query."""
        answer = self._connection.exec_driver_sql(sql)
        rows = [tuple(row) for row in answer.fetchall()] if answer.returns_rows else []
        self._connection.commit()
        return rows

    def judge(self, dataset: Dataset, as_of: date, now: datetime, deliveries: Deliveries | None = None) -> tuple[list[Result], Measures]:
        """Every check of a dataset for the business day `as_of`."""
        measures = measure(self.query, dataset, as_of, now, deliveries)
        results = self._run(dataset, f"select * from {dataset.relation}", row_checks(dataset), measures)
        known = {name: value for name, value in measures.values().items() if value is not None}
        row = ", ".join(f'{value!r}::double as "{name}"' for name, value in known.items())
        by_measure = {check.kwargs["column"]: check for check in measure_checks(dataset, measures)}
        judged = [check for name, check in by_measure.items() if name in known]
        results += self._run(dataset, f"select {row}", judged, measures) if judged else []
        results += [_verdict(dataset, check, "unknown", None, None, measures) for name, check in by_measure.items() if name not in known]
        return results, measures

    def _run(self, dataset: Dataset, sql: str, checks: list[Check], measures: Measures) -> list[Result]:
        from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

        # Given as a list: added one by one, those that look at no single column would replace each other.
        wanted = [ExpectationConfiguration(type=check.type, kwargs=check.kwargs, meta={"name": check.name}) for check in checks]
        suite = self._gx.ExpectationSuite(dataset.contract.id, expectations=wanted)
        asset = self._source.add_query_asset(f"{dataset.contract.id} {len(self._source.assets)}", query=sql)
        batch = asset.add_batch_definition_whole_table("all").get_batch()
        answers = {a.expectation_config.meta["name"]: a for a in batch.validate(suite, result_format=_COUNTS_ONLY).results}
        return [_result(dataset, check, answers[check.name], measures) for check in checks]


def _result(dataset: Dataset, check: Check, answer, measures: Measures) -> Result:
    status = "passed" if answer.success else "failed" if check.severity == "critical" else "warned"
    found = answer.result or {}  # empty where the check could not be made, say because its column is missing: it did not pass
    if check.type == "expect_column_max_to_be_between":
        return _verdict(dataset, check, status, found["observed_value"], None, measures)
    if check.type == "expect_table_columns_to_match_set":
        return _verdict(dataset, check, status, None, None, measures)
    failed = found.get("observed_value" if check.type == "unexpected_rows_expectation" else "unexpected_count")
    share = None if failed is None else failed / measures.rows if measures.rows else 0.0
    return _verdict(dataset, check, status, share, failed, measures)


def _verdict(dataset: Dataset, check: Check, status: str, observed: float | None, failed: int | None, measures: Measures) -> Result:
    return Result(
        checked_dataset=dataset.contract.id,
        check_name=check.name,
        check_type=check.type,
        checked_column=check.column,
        check_status=status,
        check_severity=check.severity,
        observed_value=observed,
        threshold_text=check.threshold,
        rows_checked=measures.rows,
        rows_failed=failed,
        advice=check.advice,
    )


def _keep_connections_open() -> None:
    """Great Expectations 1.24 closes a connection before it fetches, which loses a DuckDB result, except for the
    dialects of this list. Its members are compared by `value`."""
    from great_expectations.execution_engine import sqlalchemy_execution_engine as engine

    class Dialect(str):
        value = property(str)

    if "duckdb" not in engine._PERSISTED_CONNECTION_DIALECTS:
        engine._PERSISTED_CONNECTION_DIALECTS = (*engine._PERSISTED_CONNECTION_DIALECTS, Dialect("duckdb"))
