"""What a command did, in numbers, for the program that started it.

    lakehouse land ─▶ tell(rows=5000) ─▶ the file LAKEHOUSE_OUTCOME_FILE names ─▶ Airflow's task ─▶ monitoring.pipeline_runs

Nobody asked, nothing is written. People read the tables that commands print.
"""

import json
from pathlib import Path

from lakehouse.settings import settings


def tell(**numbers: int) -> None:
    if (file := settings().outcome_file) is not None:
        file.write_text(json.dumps(numbers), encoding="utf-8")


def told(file: Path) -> dict[str, int]:
    """Nothing where the command said nothing."""
    try:
        return json.loads(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
