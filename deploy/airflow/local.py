"""Airflow on this machine, with as little of it as a real run needs (`make airflow`, and `lakehouse demo`).

    local.py ─┬▶ airflow scheduler        decides what runs, and runs it (LocalExecutor)
              ├▶ airflow dag-processor    reads dags/
              └▶ airflow api-server       the UI, and the door at which running tasks report

Everything it knows lies under <home>/airflow: airflow.cfg (written anew at each start, for the port may differ),
secrets.json, the database, and a log for each process and each task. It listens on 127.0.0.1 alone, with a password of
its own. There is no triggerer, for no DAG here waits on one. `AIRFLOW_HOME=<home>/airflow airflow …` talks to the same
installation.

Exit codes: 0 stopped on request, 12 this home's Airflow is open already, 21 a process of Airflow's ended by itself.
"""

import argparse
import ctypes
import fcntl
import json
import os
import signal
import subprocess
import sys
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from airflow_home import AIRFLOW, configure, environment, migrate, write_private

from lakehouse.errors import BusyError, CommandFailedError, LakehouseError
from lakehouse.listening import free_port
from lakehouse.places import Home
from lakehouse.settings import settings

PROJECT = Path(__file__).resolve().parents[2]
COMPONENTS = ("scheduler", "dag-processor", "api-server")
START_LIMIT_S = 300  # 10 s on an idle machine; a busy one has been seen to take 136
STOP_LIMIT_S = 20
_PR_SET_PDEATHSIG = 1
_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # this machine, never by a proxy


def main(argv: list[str] | None = None) -> int:
    arguments = _arguments().parse_args(argv)
    home = Home(settings().home.resolve())
    try:
        with _sole_owner(home):
            return _serve(home, arguments)
    except LakehouseError as error:
        print(f"{type(error).__name__}: {error}\n  next: {error.hint}", file=sys.stderr)
        return error.exit_code


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Airflow on this machine, in the foreground; Ctrl-C stops it.")
    parser.add_argument("--port", type=int, default=0, help="port of the UI and API; 0, the default, takes a free one")
    parser.add_argument("--ready-file", type=Path, help="written once Airflow is healthy: JSON with url, user and password")
    parser.add_argument("--paused", action="store_true", help="DAGs that are new wait until they are turned on; the demo turns on its own")
    parser.add_argument("--dags", type=Path, default=PROJECT / "dags", help="the folder of DAGs")
    return parser


def _serve(home: Home, arguments: argparse.Namespace) -> int:
    """Start, say where it is, wait. Returns 0 after SIGINT or SIGTERM; raises CommandFailedError when a process ends."""
    stop = _signals_to_stop()
    port = arguments.port or free_port()
    login = configure(home, arguments.dags.resolve(), port, free_port(), arguments.paused)
    _say("Airflow starts (about 15 s; longer on a busy machine) …")
    migrate(home)
    children = {name: _start(name, home) for name in COMPONENTS}
    try:
        if not _wait_until_healthy(login["url"], children, home, stop):
            return 0
        _announce(login, arguments.ready_file)
        while not stop():
            _require_alive(children, home)
            time.sleep(0.2)
        return 0
    finally:
        _stop(children)
        if arguments.ready_file:
            arguments.ready_file.unlink(missing_ok=True)


def _start(component: str, home: Home) -> subprocess.Popen:
    """In a session of its own, for Airflow's processes leave their children behind when only the parent is told to stop."""
    with (home.airflow / f"{component}.log").open("w") as log:
        return subprocess.Popen(
            [AIRFLOW, component],
            env=environment(home),
            cwd=PROJECT,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            preexec_fn=_end_with_parent,
        )


def _end_with_parent() -> None:
    """In the child: end when this launcher is killed outright (on Linux)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _stop(children: dict[str, subprocess.Popen]) -> None:
    """Ask every process group to end, wait, and end what is left."""
    for how, limit_s in ((signal.SIGTERM, STOP_LIMIT_S), (signal.SIGKILL, 5)):
        for child in children.values():
            try:
                os.killpg(child.pid, how)
            except ProcessLookupError:
                continue  # the whole group is gone already
        deadline = time.monotonic() + limit_s
        for child in children.values():
            try:
                child.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                continue  # SIGKILL comes next


def _wait_until_healthy(url: str, children: dict[str, subprocess.Popen], home: Home, stop) -> bool:
    """True once scheduler and DAG processor beat, as the API tells; False where a signal came first."""
    deadline = time.monotonic() + START_LIMIT_S
    while not stop():
        _require_alive(children, home)
        if _is_healthy(url):
            return True
        if time.monotonic() > deadline:
            raise CommandFailedError(f"Airflow was not healthy after {START_LIMIT_S} s", hint=f"read the logs in {home.airflow}")
        time.sleep(0.3)
    return False


def _is_healthy(url: str) -> bool:
    try:
        with _DIRECT.open(f"{url}/api/v2/monitor/health", timeout=5) as answer:
            health = json.load(answer)
    except (OSError, ValueError):
        return False  # not listening yet
    return all(health[part]["status"] == "healthy" for part in ("metadatabase", "scheduler", "dag_processor"))


def _require_alive(children: dict[str, subprocess.Popen], home: Home) -> None:
    for name, child in children.items():
        if child.poll() is not None:
            raise CommandFailedError(f"airflow {name} ended with {child.returncode}", hint=f"read {home.airflow / name}.log")


def _announce(login: dict[str, str], ready_file: Path | None) -> None:
    if ready_file:
        write_private(part := ready_file.with_suffix(".part"), json.dumps(login))
        part.rename(ready_file)
    _say(f"Airflow is open at {login['url']}   user {login['user']}   password {login['password']}   (Ctrl-C stops it)")


def _signals_to_stop():
    """From now on SIGINT and SIGTERM only set a mark, so that the children are always stopped in order."""
    asked = []
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: asked.append(True))
    return lambda: bool(asked)


@contextmanager
def _sole_owner(home: Home):
    home.locks.mkdir(parents=True, exist_ok=True)
    with (home.locks / "airflow").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as held:
            raise BusyError(f"{home.airflow} is open already", hint="stop the other one, or use another LAKEHOUSE_HOME") from held
        yield


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
