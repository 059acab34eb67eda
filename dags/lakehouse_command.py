"""The only operator of our DAGs: one `lakehouse` command, its fate by its exit code, its run in monitoring.pipeline_runs.

command ─▶ 0          success
        ─▶ 12         somebody else's turn: asked again for half an hour, without spending a try
        ─▶ final      fails at once: a retry would give the same answer
        ─▶ any other  fails, and is tried again as the house style says
"""

import shlex
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

from airflow.providers.standard.operators.bash import BashOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from lakehouse.errors import BusyError, final_exit_codes

PROJECT = Path(__file__).resolve().parent.parent
LAKEHOUSE = Path(sys.executable).with_name("lakehouse")
TURN_WAIT_S, TURN_ASKED_S = 1800.0, 10.0


class LakehouseCommand(BashOperator):
    """Runs one `lakehouse` command; its output is the task's log."""

    ui_color = "#e6f0f4"

    def __init__(self, *, command: tuple[str, ...], **settings) -> None:
        self.command = command
        super().__init__(bash_command=shlex.join([str(LAKEHOUSE), *command]), cwd=str(PROJECT), **settings)

    def execute(self, context) -> None:
        began, exit_code, rows = datetime.now(UTC), None, None
        try:
            exit_code, rows = self._run(context)
        finally:
            _leave_a_record(context, began, exit_code, rows)
        if exit_code == 0:
            return
        said = f"`lakehouse {shlex.join(self.command)}` ended with exit code {exit_code}"
        if exit_code in final_exit_codes():
            failure = AirflowFailException(f"{said} (a retry would give the same answer)")
        else:
            failure = AirflowException(said)
        failure.exit_code = exit_code  # for the alert
        raise failure

    def get_openlineage_facets_on_start(self):
        """What the command reads and writes, for Airflow's OpenLineage provider."""
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset

        from lakehouse.contracts import registry
        from lakehouse.lineage import NAMESPACE
        from lakehouse.lineage.datasets import flow

        found = flow(self.command, registry())
        reads, writes = ([Dataset(NAMESPACE, name) for name in names] for names in (found.reads, found.writes))
        return OperatorLineage(inputs=reads, outputs=writes)

    def get_openlineage_facets_on_complete(self, _task_instance):
        return self.get_openlineage_facets_on_start()

    def _run(self, context) -> tuple[int, int | None]:
        """Exit code, and the rows that it counted. Without a shell: a signal's exit code stays what it was, and on_kill()
        reaches the command itself."""
        from lakehouse.outcome import told

        deadline = time.monotonic() + TURN_WAIT_S
        with tempfile.TemporaryDirectory() as folder:
            outcome = Path(folder) / "outcome.json"
            env = self.get_env(context) | {"LAKEHOUSE_OUTCOME_FILE": str(outcome), "LAKEHOUSE_LINEAGE_PARENT": _lineage_parent(context)}
            while True:
                result = self.subprocess_hook.run_command(shlex.split(self.bash_command), env=env, cwd=self.cwd)
                exit_code = result.exit_code if result.exit_code >= 0 else 128 - result.exit_code  # by a signal, as a shell says it
                if exit_code != BusyError.exit_code or time.monotonic() >= deadline:
                    return exit_code, told(outcome).get("rows")
                self.log.info("it is somebody else's turn; asked again in %d s", TURN_ASKED_S)
                time.sleep(TURN_ASKED_S)


def _lineage_parent(context) -> str:
    """This run of this task, as lineage names it. Nothing where nobody keeps lineage."""
    from airflow.providers.openlineage.conf import is_disabled
    from airflow.providers.openlineage.plugins.macros import lineage_parent_id

    return "" if is_disabled() else lineage_parent_id(context["ti"])


def _leave_a_record(context, began: datetime, exit_code: int | None, rows: int | None) -> None:
    """A run that cannot be recorded has still run: that is a line in the log, and no failure."""
    from lakehouse.business_day import business_day
    from lakehouse.log import get_log
    from lakehouse.pipeline_runs import PipelineRun, leave
    from lakehouse.settings import settings
    from lakehouse.storage.open import open_files

    task, run, ended = context["ti"], context["dag_run"], datetime.now(UTC)
    is_last = exit_code in final_exit_codes() or task.try_number > task.max_tries
    state = "success" if exit_code == 0 else "failed" if is_last else "up_for_retry"
    record = PipelineRun(
        pipeline_name=task.dag_id,
        task_name=task.task_id,
        pipeline_run_id=task.run_id,
        try_number=task.try_number,
        run_on=business_day(run.logical_date or run.run_after),
        run_started_at=began,
        run_ended_at=ended,
        run_duration_ms=int((ended - began).total_seconds() * 1000),
        run_state=state,
        exit_code=exit_code,
        rows_processed=rows,
    )
    try:
        leave(open_files(settings()), record)
    except Exception as error:  # noqa: BLE001 - whatever the lake's storage may raise
        get_log(__name__).warning("pipeline_run_not_recorded", error=error)
