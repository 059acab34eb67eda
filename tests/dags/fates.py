"""Runs a command for each exit code through the real operator, and prints what it raised as JSON: {code: exception}.

python fates.py <folder of DAGs> <code> …
"""

import json
import sys


def fate(code: int) -> str:
    """The operator with its command line exchanged for a program that ends as asked; 137 is an end by SIGKILL."""
    from lakehouse_verbs import LakehouseCommand

    task = LakehouseCommand(task_id=f"ends_with_{code}", command=("check", "clean"))
    task.bash_command = "sh -c 'kill -9 $$'" if code == 137 else f"sh -c 'echo the last line; exit {code}'"
    try:
        task.execute({})
    except Exception as raised:  # noqa: BLE001 - the exception is what is asked for
        return type(raised).__name__
    return "success"


if __name__ == "__main__":
    sys.path.insert(0, sys.argv[1])
    print(json.dumps({code: fate(int(code)) for code in sys.argv[2:]}))
