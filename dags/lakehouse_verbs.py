"""The verbs of the platform as Airflow tasks, and the house style of its DAGs. A verb is a command, and contains no work.

    daily_exam_processing:  land ─▶ refine ─▶ check clean ─▶ model ─▶ calibrate ─▶ model ─▶ check curated ──┐
                              │                   │                                                         │ Asset
                         lakehouse://raw   lakehouse://clean                                                ▼ lakehouse://curated
    feature_serving:                                                                                      serve ─▶ lakehouse://features

A task runs the same `lakehouse` command that a person or CI would run, from the project's folder, with the environment
that Airflow was given. What a DAG is chained by is an Asset, and an Asset of a zone is published by the check that
guards it: nobody downstream ever starts from data that no gate has passed.
"""

import shlex
import sys
from datetime import timedelta
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk import DAG, Asset, CronTriggerTimetable
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from lakehouse.errors import final_exit_codes

PROJECT = Path(__file__).resolve().parent.parent
LAKEHOUSE = Path(sys.executable).with_name("lakehouse")

RAW = Asset(name="raw", uri="lakehouse://raw", group="lakehouse")
CLEAN = Asset(name="clean", uri="lakehouse://clean", group="lakehouse")
CURATED = Asset(name="curated", uri="lakehouse://curated", group="lakehouse")
FEATURES = Asset(name="features", uri="lakehouse://features", group="lakehouse")


class LakehouseCommand(BashOperator):
    """Runs one `lakehouse` command; its output is the task's log, its exit code the task's fate.

    0 succeeds. A code that says a retry would only give the same answer (a closed quality gate, a broken contract, a
    wrong setting …) fails at once. Any other code fails, and is tried again as the house style says.
    """

    ui_color = "#e6f0f4"

    def __init__(self, *, command: tuple[str, ...], **settings) -> None:
        self.command = command
        super().__init__(bash_command=shlex.join([str(LAKEHOUSE), *command]), cwd=str(PROJECT), **settings)

    def execute(self, context) -> None:
        # Without a shell: a signal's exit code stays what it was, and on_kill() reaches the command itself.
        result = self.subprocess_hook.run_command(shlex.split(self.bash_command), env=self.get_env(context), cwd=self.cwd)
        if result.exit_code == 0:
            return
        said = f"`lakehouse {shlex.join(self.command)}` ended with exit code {result.exit_code}"
        if result.exit_code in final_exit_codes():
            raise AirflowFailException(f"{said} (a retry would give the same answer)")
        raise AirflowException(said)


def house_dag(dag_id: str, *, doc: str, tags: list[str], **settings) -> DAG:
    """A DAG in the house style: one owner, two retries with back-off, one run at a time, no catching up. `settings`: its schedule …"""
    return DAG(
        dag_id,
        doc_md=doc,
        tags=["lakehouse", *tags],
        catchup=False,
        max_active_runs=1,  # the warehouse has one writer
        default_args={
            "owner": "data-platform",
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": timedelta(hours=2),
        },
        **settings,
    )


def in_seoul(cron: str) -> CronTriggerTimetable:
    """By Seoul's clock. A DAG that is new after its hour waits for the next one: zero is how late it may still begin."""
    return CronTriggerTimetable(cron, timezone="Asia/Seoul", run_immediately=timedelta(0))


def _verb(task_id: str, *command: str, does: str, outlets: list[Asset] | None = None) -> LakehouseCommand:
    return LakehouseCommand(
        task_id=task_id,
        command=command,
        outlets=outlets or [],
        doc_md=f"{does}\n\n`lakehouse {shlex.join(command)}` · more: `lakehouse {command[0]} --help`",
    )


def land() -> LakehouseCommand:
    return _verb("land", "land", does="Takes what waits on the bus, seals it, and writes raw files.", outlets=[RAW])


def refine() -> LakehouseCommand:
    """Its outcome is no Asset yet: `check("clean")` publishes the clean zone."""
    return _verb("refine", "refine", does="Types, deduplicates and pseudonymises raw batches into the clean tables.")


def check(stage: str) -> LakehouseCommand:
    """The gate of a zone: 'clean' or 'curated'. Exit code 20 stops what follows, and is not tried again."""
    return _verb(
        f"check_{stage}",
        "check",
        stage,
        does=f"Holds the {stage} zone to its contracts; results land in monitoring.data_quality_checks.",
        outlets=[{"clean": CLEAN, "curated": CURATED}[stage]],
    )


def model() -> LakehouseCommand:
    """Its outcome is no Asset yet: `check("curated")` publishes the curated zone."""
    return _verb("model", "model", does="Builds facts, dimensions, marts and features with dbt.")


def calibrate() -> LakehouseCommand:
    return _verb("calibrate", "calibrate", does="Estimates items and abilities from the day's answers (3PL).")


def model_calibrated() -> LakehouseCommand:
    """What stands on the estimates, and nothing else: the rest of the warehouse has just been built."""
    tables = ("item_calibrations", "ability_estimates")
    chosen = [word for table in tables for word in ("--select", f"source:clean.{table}+")]
    return _verb("model_calibrated", "model", *chosen, does="Brings the new estimates into dimensions and features with dbt.")


def serve() -> LakehouseCommand:
    return _verb("serve", "serve", does="Exports the features and brings them online.", outlets=[FEATURES])


def compact() -> LakehouseCommand:
    return _verb("compact", "compact", does="Merges the small files of the clean tables, and forgets event ids that raw no longer holds.")


def check_media() -> LakehouseCommand:
    """Exit code 20 is a finding: it is not tried again."""
    return _verb("check_media", "media", "check", does="Finds references without an object, and objects that no event refers to.")


def make_source_partitions() -> LakehouseCommand:
    return _verb("make_source_partitions", "source", "partitions", does="Makes the source database's monthly partitions ahead.")
