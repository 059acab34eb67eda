"""A BigQuery API on this machine, and the dbt project built in it by the unmodified dbt-bigquery adapter.

deploy/bqemulator ─▶ LocalBigQuery ─┬▶ load(rows): clean tables, as their contracts have them
                                    ├▶ build(): dbt build against its API
                                    └▶ table("curated.fact_payments"): rows, as DuckDB's are
"""

import io
import json
import shutil
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import yaml
from clean_rows import Row
from google.api_core.client_options import ClientOptions
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery

from lakehouse.contracts import registry
from lakehouse.contracts.project import arrow_schema, bigquery_schema, clean_fields
from lakehouse.listening import free_port
from lakehouse.model.clocks import Clocks, clocks
from lakehouse.settings import child_environment

_PROJECT = "emulator"
_DATASETS = ("clean", "staging", "intermediate", "curated", "features")
_ASKED_BY_CLOCKS = (*(f"int_{name}" for name in ("sittings", "voice_takes", "motion_takes", "payments_newest", "user_activity")),)


class LocalBigQuery:
    """The emulator as a process: it starts on entering, with empty clean tables, and ends on leaving."""

    def __init__(self, root: Path, work: Path) -> None:
        self._root, self._work = root, work
        self._api = f"http://127.0.0.1:{free_port()}"

    def __enter__(self) -> "LocalBigQuery":
        program = [self._root / ".tools" / "bqemulator" / "bin" / "python", self._root / "deploy" / "bqemulator" / "serve.py"]
        with (self._work / "bqemulator.log").open("w") as log:
            ports = [self._api.rpartition(":")[2], str(free_port())]
            self._process = subprocess.Popen([*map(str, program), *ports], stdout=log, stderr=log, env=child_environment())
        try:
            self._await()
            options = ClientOptions(api_endpoint=self._api)
            self.client = bigquery.Client(_PROJECT, AnonymousCredentials(), client_options=options)
            for dataset in _DATASETS:
                self.client.create_dataset(dataset)
            for contract in registry().clean:
                fields = bigquery_schema(clean_fields(contract, registry().vocabulary))
                schema = [bigquery.SchemaField(f["name"], f["type"]) for f in fields]
                self.client.create_table(bigquery.Table(f"{_PROJECT}.clean.{contract.table}", schema))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        self._process.wait(timeout=20)

    def _await(self) -> None:
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                urllib.request.urlopen(f"{self._api}/bigquery/v2/projects/{_PROJECT}/datasets", timeout=5).close()
                return
            except (urllib.error.URLError, ConnectionError, TimeoutError):
                time.sleep(0.1)
        raise AssertionError((self._work / "bqemulator.log").read_text()[-2_000:])

    def load(self, rows: Iterable[Row]) -> None:
        """Append rows to the clean tables, as a load of Parquet each."""
        by_contract: dict[str, list[dict]] = defaultdict(list)
        for row in rows:
            by_contract[row.contract].append(row.values)
        for contract_id, values in by_contract.items():
            contract = registry().get(contract_id)
            file = io.BytesIO()
            pq.write_table(pa.Table.from_pylist(values, arrow_schema(clean_fields(contract, registry().vocabulary))), file)
            file.seek(0)
            how = bigquery.LoadJobConfig(source_format="PARQUET", write_disposition="WRITE_APPEND")
            self.client.load_table_from_file(file, f"{_PROJECT}.clean.{contract.table}", job_config=how).result()

    def build(self, days: Clocks | None = None) -> dict[str, str]:
        """Build every model, and answer with what became of each: `success`, or what dbt says went wrong."""
        project, target = self._work / "dbt_project", self._work / "target"
        if not project.exists():
            _copy_of_models(self._root / "dbt_project", project)
        command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--quiet", "build", "--target", "emulator"]
        command += ["--resource-type", "model", "--resource-type", "seed", "--project-dir", str(project), "--profiles-dir", str(project)]
        command += ["--target-path", str(target), "--log-path", str(target), "--log-level-file", "none"]
        if days is not None:
            command += ["--vars", json.dumps({"clocks": {clock: [day.isoformat() for day in own] for clock, own in days.items()}})]
        environment = child_environment(DO_NOT_TRACK="1", LAKEHOUSE_BIGQUERY_API=self._api)
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=600)
        results = target / "run_results.json"
        assert results.exists(), done.stdout + done.stderr
        return {_name(r): r["status"] if r["status"] == "success" else r["message"] for r in json.loads(results.read_text())["results"]}

    def clocks(self, rows: Iterable[Row]) -> Clocks:
        """The days that a build has to replace once these rows are loaded: asked of what the last build left here."""
        changed = defaultdict(set)
        for row in rows:
            changed[registry().get(row.contract).table].add(row.values["dt"])
        with duckdb.connect() as warehouse:
            warehouse.execute("set TimeZone = 'UTC'")
            named = [("clean", contract.table) for contract in registry().clean] + [("intermediate", name) for name in _ASKED_BY_CLOCKS]
            for schema, name in named:
                warehouse.register("found", self._arrow(f"{schema}.{name}"))
                warehouse.execute(f"create schema if not exists {schema}")
                warehouse.execute(f"create table {schema}.{name} as select * from found")
            return clocks(warehouse, registry(), changed)

    def table(self, name: str) -> list[dict]:
        return self._arrow(name).to_pylist()

    def tables(self) -> list[str]:
        """What dbt made."""
        return sorted(f"{t.dataset_id}.{t.table_id}" for dataset in _DATASETS[1:] for t in self.client.list_tables(dataset))

    def types(self, name: str) -> dict[str, str]:
        """Column → type, as the API tells it of a table, which has names of its own for three of them."""
        told = {"INTEGER": "INT64", "FLOAT": "FLOAT64", "BOOLEAN": "BOOL"}
        schema = self.client.get_table(f"{_PROJECT}.{name}").schema
        return {field.name: told.get(field.field_type, field.field_type) for field in schema}

    def _arrow(self, name: str) -> pa.Table:
        return self.client.query_and_wait(f"select * from `{_PROJECT}.{name}`").to_arrow(create_bqstorage_client=False)


def _copy_of_models(project: Path, copy: Path) -> None:
    """The project's models as they are, with neither contracts nor tests. The emulator knows no CREATE TABLE with both columns and
    a query, which is how dbt enforces a contract; and parsing tests that are not run takes as long as all the rest."""
    shutil.copytree(project, copy, ignore=shutil.ignore_patterns("target", "logs", "tests", "_unit_tests.yml"))
    for path in (copy / "models").rglob("[!_]*.yml"):  # metrics and dashboards
        path.unlink()
    for path in copy.rglob("_*.yml"):
        told = yaml.load(path.read_text(), yaml.CSafeLoader)
        for each in (*told.get("models", ()), *(table for source in told.get("sources", ()) for table in source["tables"])):
            each.get("config", {}).pop("contract", None)
            for tested in (each, *each.get("columns", ())):
                tested.pop("data_tests", None)
        path.write_text(json.dumps(told))


def _name(result: dict) -> str:
    return result["unique_id"].rpartition(".")[2]
