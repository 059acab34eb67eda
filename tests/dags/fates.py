"""Runs a command for each exit code through the real operator, and prints what it raised as JSON: {code: exception},
and as `waited` what became of a command whose turn came late.

python fates.py <folder of DAGs> <code> …
"""

import json
import sys
import tempfile
from datetime import UTC, datetime
from types import SimpleNamespace


def fate(code: int) -> str:
    """The operator with its command line exchanged for a program that ends as asked; 137 is an end by SIGKILL."""
    from lakehouse_command import LakehouseCommand

    task = LakehouseCommand(task_id=f"ends_with_{code}", command=("check", "clean"))
    task.bash_command = "sh -c 'kill -9 $$'" if code == 137 else f"sh -c 'echo the last line; exit {code}'"
    try:
        task.execute(_context(code))
    except Exception as raised:  # noqa: BLE001 - the exception is what is asked for
        return type(raised).__name__ if raised.exit_code == code else f"exit code {raised.exit_code}"
    return "success"


def waited() -> str:
    """Somebody else's turn the first time it asks, its own the second time."""
    import lakehouse_command

    lakehouse_command.TURN_WAIT_S, lakehouse_command.TURN_ASKED_S = 60.0, 0.1
    task = lakehouse_command.LakehouseCommand(task_id="waits", command=("model",))
    with tempfile.TemporaryDirectory() as folder:
        task.bash_command = f"sh -c 'test -e {folder}/came && exit 0; touch {folder}/came; exit 12'"
        task.execute(_context(0))
    return "success"


def _context(code: int) -> dict:
    """What the operator reads of a run, at the first of three tries."""
    task = SimpleNamespace(dag_id="fates", task_id=f"ends_with_{code}", run_id="r", try_number=1, max_tries=2)
    return {"ti": task, "dag_run": SimpleNamespace(logical_date=None, run_after=datetime.now(UTC))}


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    import lakehouse_command

    lakehouse_command.TURN_WAIT_S = 0.0  # whose turn does not come fails at once
    print(json.dumps({code: fate(int(code)) for code in sys.argv[2:]} | {"waited": waited()}))
