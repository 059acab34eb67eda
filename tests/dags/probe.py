"""Reads the DAG folder as Airflow does and prints what it found as JSON, in a process of its own and with no network.

    python probe.py <folder of DAGs>      (AIRFLOW_HOME says where Airflow may write)

Apart from pytest's process because Airflow settles its home at import, and because reading the DAGs has to be proved
with sockets shut.
"""

import json
import socket
import sys


def _refuse(self, address):
    raise OSError(f"a DAG file asked for the network: {address}")


def _called(callbacks) -> list[str]:
    return [one.func.__name__ for one in (callbacks if isinstance(callbacks, list | tuple) else [callbacks])]


def _describe(dag) -> dict:
    when = dag.timetable
    waits_for = getattr(when, "asset_condition", None)
    return {
        "cron": getattr(when, "expression", None),
        "timezone": str(getattr(when, "timezone", "")),
        "makes_up_for_s": when.run_immediately.total_seconds() if hasattr(when, "run_immediately") else None,
        "starts_by": [asset.name for asset in waits_for.objects] if waits_for else [],
        "catchup": dag.catchup,
        "due_s": [alert.interval.total_seconds() for alert in dag.deadline or []],
        "told_when_late": [alert.callback.path for alert in dag.deadline or []],
        "ends_s": dag.dagrun_timeout.total_seconds(),
        "told_when_stuck": _called(dag.on_failure_callback),
        "is_paused_upon_creation": bool(dag.is_paused_upon_creation),
        "max_active_runs": dag.max_active_runs,
        "tags": sorted(dag.tags),
        "doc": dag.doc_md,
        "tasks": {
            task.task_id: {
                "operator": type(task).__name__,
                "command": list(task.command),
                "bash_command": task.bash_command,
                "cwd": task.cwd,
                "downstream": sorted(task.downstream_task_ids),
                "outlets": sorted(asset.name for asset in task.outlets),
                "owner": task.owner,
                "retries": task.retries,
                "retry_delay_s": task.retry_delay.total_seconds(),
                "backs_off": bool(task.retry_exponential_backoff),
                "told_when_failed": _called(task.on_failure_callback),
                "doc": task.doc_md,
            }
            for task in dag.tasks
        },
    }


def main(folder: str) -> None:
    socket.socket.connect = _refuse
    sys.path.insert(0, folder)  # as Airflow's DAG bundle does
    from airflow.dag_processing.dagbag import DagBag

    bag = DagBag(folder)
    found = {"import_errors": {str(file): error for file, error in bag.import_errors.items()}}
    found["dags"] = {dag_id: _describe(dag) for dag_id, dag in bag.dags.items()}
    print(json.dumps(found))


if __name__ == "__main__":
    main(sys.argv[1])
