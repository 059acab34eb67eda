"""Land, refine and ingest in processes that kill themselves, with SIGKILL, at a chosen step of making something durable.

    test ─▶ fork server (Beam imported once) ─▶ a process: the command ─ n-th fsync, rename or link ─▶ SIGKILL

Between two such steps nothing changes that would outlive the process, so these are all the moments there are.
"""

import contextlib
import io
import multiprocessing
import os
import signal
from pathlib import Path

import pytest

from lakehouse.settings import settings

_DURABLE = ("fsync", "replace", "link", "unlink")
KINDS = ("in_hand", "_redrives", "dead_letters", "_commits", "_refined", "_waiting", "raw", "current", "clean", ".offsets")
_SMALL = {"LAKEHOUSE_LAND_BATCH_EVENTS": "120", "LAKEHOUSE_REFINE_BATCH_ROWS": "250"}
PRELOAD = ("beam_pipelines.ingest", "duckdb", "deltalake")
processes = multiprocessing.get_context("forkserver")
processes.set_forkserver_preload([*PRELOAD])


def run(step: str | tuple[str, ...], home: Path, die_at: int | None = None, contracts: Path | None = None) -> list[str]:
    """`lakehouse land`, `refine` or `ingest` in small batches, or another command by its words. Returns its moments, of which
    die_at may be the number of one: what kind of file is about to get its name then, or an empty text.

    Raises AssertionError where the process ends in another way than it should.
    """
    receives, sends = processes.Pipe(duplex=False)
    process = processes.Process(target=_run, args=(step, str(home), die_at, contracts, sends))
    process.start()
    sends.close()
    passed = receives.recv() if receives.poll(None) and die_at is None else []
    process.join()
    if die_at is not None:
        assert process.exitcode == -signal.SIGKILL, f"{step} was to die at moment {die_at}, and ended with {process.exitcode}"
        return []
    assert process.exitcode == 0, f"{step} ended with {process.exitcode}"
    return passed


def _run(step: str | tuple[str, ...], home: str, die_at: int | None, contracts: Path | None, moments) -> None:
    from beam_pipelines import command, pulling
    from lakehouse.cli import app

    with pytest.MonkeyPatch.context() as patch:
        chosen = {"LAKEHOUSE_CONTRACTS": str(contracts)} if contracts else {}
        for name, value in ({"LAKEHOUSE_HOME": home} | chosen | _SMALL).items():
            patch.setenv(name, value)
        settings.cache_clear()
        patch.setattr(pulling, "_MESSAGES_AT_ONCE", 7)
        counter = _Counter(die_at)
        for name in _DURABLE:
            patch.setattr(os, name, counter.watch(getattr(os, name)))
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            if isinstance(step, tuple):
                app()(list(step), standalone_mode=False)
            else:
                getattr(command, step)(as_json=True, **({"once": True} if step == "ingest" else {}))
    moments.send(counter.passed)


class _Counter:
    """Counts moments: one before each durable step, and one after it."""

    def __init__(self, die_at: int | None) -> None:
        self.passed: list[str] = []
        self._die_at = die_at

    def watch(self, function):
        def watched(*args, **kwargs):
            named = str(args[1]) if function.__name__ == "replace" else ""
            self._moment(next((kind for kind in KINDS if kind in named), ""))
            answer = function(*args, **kwargs)
            self._moment("")
            return answer

        return watched

    def _moment(self, kind: str) -> None:
        if len(self.passed) == self._die_at:
            os.kill(os.getpid(), signal.SIGKILL)
        self.passed.append(kind)
