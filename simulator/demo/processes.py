"""The programs that the demo starts: each one a command line with a log of its own, and all of them ended with the demo.

run(stage)     ─▶ a command that ends by itself; its seconds are the stage's
Background     ─▶ a server: started, known to be ready by the file it writes, asked to end by SIGTERM
"""

import json
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from rich.console import Console

from lakehouse.errors import CommandFailedError
from lakehouse.settings import child_environment

PROJECT = Path(__file__).resolve().parents[2]
LAKEHOUSE = str(Path(sys.executable).with_name("lakehouse"))
STOP_LIMIT_S = 60  # the collector flushes; Airflow's launcher ends three process groups


@dataclass
class Day:
    """What one demo run knows: where it writes, what took how long."""

    home: Path
    console: Console
    as_of: str  # the simulated city's last day, which the quality gate judges as if it were yesterday
    seconds: dict[str, float] = field(default_factory=dict)
    more: dict[str, str] = field(default_factory=dict)  # what else is in the environment of its programs

    @property
    def logs(self) -> Path:
        return self.home / "logs" / "demo"

    @property
    def environment(self) -> dict[str, str]:
        return child_environment(LAKEHOUSE_HOME=str(self.home), LAKEHOUSE_AS_OF=self.as_of, **self.more)

    def done(self, stage: str, seconds: float, note: str = "") -> None:
        self.seconds[stage] = seconds
        self.console.print(f"  [green]✓[/] {stage:<26}{seconds:>7.1f} s  [dim]{note}[/]", highlight=False)

    def failed(self, stage: str, seconds: float, log: Path, lines: list[str]) -> None:
        """Show the end of the failed stage's log; the caller raises."""
        self.console.print(f"  [red]✗[/] {stage:<26}{seconds:>7.1f} s", highlight=False)
        for line in lines:
            self.console.print(f"    {line}", style="dim", markup=False, highlight=False, soft_wrap=True)
        self.console.print(f"    the whole log: {log}", markup=False, highlight=False, soft_wrap=True)


def run(day: Day, *arguments: str, stage: str = "", shows_progress: bool = False, may_fail: int = 0) -> str:
    """Run `lakehouse <arguments>` to its end, a stage named after its verb unless `stage` is; returns what it wrote to stdout.

    `shows_progress` leaves stderr on the screen. Raises CommandFailedError, after the last lines of the log were shown,
    where it ends with anything but 0 or `may_fail`.
    """
    stage = stage or arguments[0]
    log = day.logs / f"{stage}.log"
    began = time.monotonic()
    with log.open("w") as file:
        said = subprocess.run(
            [LAKEHOUSE, *arguments],
            env=day.environment,
            cwd=PROJECT,
            stdout=subprocess.PIPE,
            stderr=None if shows_progress else file,
            text=True,
            check=False,
        )
    with log.open("a") as file:
        file.write(said.stdout)
    seconds = time.monotonic() - began
    if said.returncode not in (0, may_fail):
        day.failed(stage, seconds, log, tail(log))
        raise CommandFailedError(
            f"`lakehouse {' '.join(arguments)}` ended with exit code {said.returncode}",
            hint=f"read {log}, put it right, and run the demo again",
        )
    day.done(stage, seconds)
    return said.stdout


class Background:
    """A server of the demo's, ended when the block is left. What it says once it is ready, unless it `tells` nothing, is JSON."""

    def __init__(self, day: Day, name: str, *command: str, tells: bool = True) -> None:
        self.day, self.name = day, name
        self.log = day.logs / f"{name}.log"
        self._ready_file = day.logs / f"{name}.ready.json"
        self._ready_file.unlink(missing_ok=True)
        self._began = time.time()
        with self.log.open("w") as file:
            self._process = subprocess.Popen(
                [*command, *(("--ready-file", str(self._ready_file)) if tells else ())],
                env=day.environment,
                cwd=PROJECT,
                stdout=file,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches the demo alone, which ends its servers in order
            )

    def __enter__(self) -> "Background":
        return self

    def __exit__(self, *_) -> None:
        if self._process.poll() is None:
            self.stop()

    def wait_until_ready(self, limit_s: float) -> dict:
        """What the ready file says. Raises CommandFailedError where the server ended, or took longer than `limit_s`."""
        while not self._ready_file.exists():
            self.require_alive()
            if time.time() - self._began > limit_s:
                self._fail(f"{self.name} was not ready after {limit_s:.0f} s")
            time.sleep(0.1)
        self.ready_after_s = self._ready_file.stat().st_mtime - self._began
        return json.loads(self._ready_file.read_text())

    def require_alive(self) -> None:
        if self._process.poll() is not None:
            self._fail(f"{self.name} ended with exit code {self._process.returncode}")

    def stop(self) -> int:
        """Ask it to end (SIGTERM), and wait. Returns its exit code; after a minute it is killed."""
        self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()

    def _fail(self, what: str) -> None:
        self.day.failed(self.name, time.time() - self._began, self.log, tail(self.log))
        raise CommandFailedError(what, hint=f"read {self.log}")


def tail(log: Path, lines: int = 15) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-lines:]
