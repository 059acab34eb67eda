"""dbt's documentation of every model, column and test, with its lineage, as one HTML page that needs no server.

dbt_project + warehouse ─▶ dbt docs generate --static ─▶ <home>/warehouse/dbt/target/static_index.html
"""

import subprocess
import sys
from pathlib import Path

from lakehouse.errors import BadInputError, CommandFailedError, require_program
from lakehouse.places import Home
from lakehouse.settings import Settings, child_environment


def make_docs(settings: Settings) -> Path:
    """Make the page anew and return it. Raises BadInputError where nothing was built yet, CommandFailedError."""
    require_program("dbt", "warehouse")
    if not Home(settings.home).warehouse.exists():
        raise BadInputError(f"there is no warehouse in {settings.home.absolute()}", hint="run `lakehouse model` or `make demo` first")
    work = settings.home.absolute() / "warehouse" / "dbt"
    command = [sys.executable, "-m", "dbt.cli.main", "--no-version-check", "--log-level-file", "none", "docs", "generate", "--static"]
    command += ["--project-dir", str(settings.dbt_project), "--profiles-dir", str(settings.dbt_project)]
    command += ["--target-path", str(work / "target"), "--log-path", str(work / "logs")]
    environment = child_environment(LAKEHOUSE_HOME=str(settings.home.absolute()), DO_NOT_TRACK="1")
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment, check=False)
    if done.returncode != 0:
        last = " ".join(done.stdout.split()[-60:])
        raise CommandFailedError(f"dbt could not document the models: {last}", hint="`lakehouse model` says what is wrong with them")
    return work / "target" / "static_index.html"
