"""The parent of the engine: looks before each start, watches while it runs, and starts it anew when it dies.

    look ─▶ judge ─▶ resume ─────────────────────────────────┐
                 └─▶ snapshot: drop the slot, forget offsets, ├─▶ child ─ dies ─▶ wait a little longer each time ─▶ look …
                     note the floor, begin a generation ──────┘     └─ silent, or its source is another ─▶ ended ─▶ look …

A slot is never used for a second snapshot: only a new one tells exactly where its snapshot stands in the log.
"""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from fcntl import LOCK_EX, LOCK_NB, flock
from pathlib import Path

from collectors.cdc import integrity
from collectors.cdc.child import STOP_S
from collectors.cdc.integrity import Verdict
from collectors.cdc.ledger import Ledger
from collectors.cdc.metrics import Metrics
from collectors.cdc.offsets import Offsets
from collectors.cdc.source import Sighting, source_of
from collectors.cdc.watch import warnings
from lakehouse.contracts import registry
from lakehouse.errors import BusyError, CommandFailedError, IntegrityGapError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings
from lakehouse.storage.durable import make_folder, write_file

_log = get_log(__name__)
_LOOK_S = 2.0
_FIRST_WAIT_S, _LONGEST_WAIT_S = 0.2, 30.0
_SETTLED_S = 60.0
_MOST_EPOCHS, _IN_S = 5, 600.0


class Supervisor:
    """One `lakehouse cdc run`."""

    def __init__(self, chosen: Settings, ready_file: Path | None, metrics_port: int | None, repairs: bool) -> None:
        self._chosen = chosen
        self._ready_file = ready_file
        self._metrics_port = metrics_port
        self._repairs = repairs
        self._home = Home(chosen.home)
        self._source = source_of(chosen)
        self._ledger = Ledger(self._home.cdc)
        self._offsets = Offsets(self._home.cdc)
        self._metrics = Metrics(self._ledger)
        self._stop = threading.Event()
        self._concerns: set[str] = set()
        self._polling_since: float | None = None  # an engine that makes its slot waits for transactions, however long they are
        self._epochs: deque[float] = deque(maxlen=_MOST_EPOCHS)

    def run(self) -> None:
        """Until SIGTERM or SIGINT. Raises BusyError, BadInputError, IntegrityGapError."""
        with _lock(self._home.cdc) as lock:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: self._stop.set())
            port = self._metrics.serve(self._metrics_port) if self._metrics_port is not None else None
            wait_s = _FIRST_WAIT_S
            while not self._stop.is_set():
                before = self._ledger.batches()
                try:
                    self._prepare()
                    code = self._one_engine(lock.fileno(), port)
                    _log.info("the engine ended", code=code)
                except CommandFailedError as error:
                    self._metrics.sighting = None
                    _log.warning("cannot capture now", error=error)
                if self._ledger.batches() > before:  # it got somewhere: what ended it may be over
                    wait_s = _FIRST_WAIT_S
                self._stop.wait(wait_s)
                wait_s = min(wait_s * 2, _LONGEST_WAIT_S)
                self._metrics.restarts += 1
        self._ledger.close()

    def _prepare(self) -> None:
        """See that an engine may start, and make ready what it starts from."""
        if self._offsets.repair():
            _log.warning("half an offsets file was replaced by its copy")
        tables, uncontracted = self._source.tables(registry())
        names = sorted(t.contract.table for t in tables)
        self._concern("uncontracted", f"published, and in no contract: {', '.join(uncontracted)}" if uncontracted else "")
        mute = sorted(t.name for t in tables if "n" in t.identities)
        self._concern(
            "no_identity", f"deletions and updates fail or go unseen in {', '.join(mute)}: they have no replica identity" if mute else ""
        )
        standing, sighting = self._ledger.standing(), self._source.sighting()
        verdict = integrity.judge(standing, sighting, self._offsets.lsn(), names)
        if verdict.action == "resume":
            return
        self._tell(verdict)
        self._source.drop_slot()
        self._offsets.discard()
        before = self._source.sighting()  # the floor: noted before the slot, and so before all that its snapshot leaves to the stream
        epoch = standing.epoch if standing and verdict.action == "snapshot" else self._begin_epoch(before, verdict)
        self._ledger.begin_generation(epoch, before.wal_lsn, names, verdict.reason)

    def _begin_epoch(self, sighting: Sighting, verdict: Verdict) -> int:
        self._epochs.append(time.monotonic())
        if len(self._epochs) == _MOST_EPOCHS and self._epochs[-1] - self._epochs[0] < _IN_S:
            raise IntegrityGapError(
                f"{_MOST_EPOCHS} epochs within {_IN_S / 60:.0f} minutes, the last because {verdict.reason}",
                hint="find out who else uses this slot or moves this address, then start it again; docs/on_call/cdc.md",
            )
        return self._ledger.begin_epoch(sighting.system_identifier, sighting.timeline, self._source.slot, verdict.reason)

    def _tell(self, verdict: Verdict) -> None:
        if verdict.kind:
            (_log.error if verdict.is_gap else _log.warning)("a new snapshot is needed", kind=verdict.kind, reason=verdict.reason)
            self._ledger.alert(verdict.kind, verdict.reason)
        if verdict.is_gap and not self._repairs:
            raise IntegrityGapError(
                verdict.reason, hint="`lakehouse cdc run` without --no-repair takes a new snapshot; docs/on_call/cdc.md"
            )

    def _one_engine(self, lock: int, port: int | None) -> int:
        self._polling_since = None
        words = [sys.executable, "-m", "collectors.cdc.child"]
        child = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True, pass_fds=(lock,))
        threading.Thread(target=self._ready, args=(child, port), daemon=True).start()
        try:
            next_look = time.monotonic() + _LOOK_S
            while child.poll() is None:
                if self._stop.wait(0.05):
                    break
                if time.monotonic() >= next_look:
                    if not self._fine(child):
                        break
                    next_look = time.monotonic() + _LOOK_S
            return _ended(child)
        finally:
            if child.poll() is None:
                child.kill()
            child.wait()
            if self._ready_file:
                self._ready_file.unlink(missing_ok=True)

    def _ready(self, child: subprocess.Popen, port: int | None) -> None:
        if line := child.stdout.readline():
            self._polling_since = time.monotonic()
            told = json.loads(line) | {"pid": os.getpid(), "engine_pid": json.loads(line)["pid"], "metrics_port": port}
            if self._ready_file:
                write_file(self._ready_file, json.dumps(told).encode())
            print(json.dumps(told), flush=True)

    def _fine(self, child: subprocess.Popen) -> bool:
        """Look at source and engine; False where the engine has to be ended."""
        age_s = time.monotonic() - self._polling_since if self._polling_since else 0.0
        if min(self._ledger.silence_s(), age_s) > self._chosen.cdc_stall_seconds:
            self._ledger.alert("engine_stalled", "the engine was silent for too long, and was killed")
            _log.error("the engine is silent", seconds=round(self._ledger.silence_s()))
            child.kill()
            return False
        try:
            sighting = self._source.sighting()
        except CommandFailedError as error:
            self._metrics.sighting = None
            _log.warning("the source does not answer", error=error)
            return True  # the engine will notice for itself
        self._metrics.sighting = sighting
        standing = self._ledger.standing()
        streams = standing.is_complete and age_s > _SETTLED_S
        found = {c.kind: c.detail for c in warnings(sighting, self._chosen.cdc_wal_alert_bytes, streams)}
        for kind in ("wal_unreserved", "wal_growing", "slot_inactive"):
            self._concern(kind, found.get(kind, ""))
        verdict = integrity.running(standing, sighting)
        if verdict.action == "resume" and not standing.wished:
            return True
        _log.warning("the engine is ended", kind=verdict.kind or "snapshot_wished")
        return False

    def _concern(self, kind: str, detail: str) -> None:
        """Tell it once, until it is over."""
        if detail and kind not in self._concerns:
            self._concerns.add(kind)
            self._ledger.alert(kind, detail)
            _log.warning("see docs/on_call/cdc.md", kind=kind, detail=detail)
        elif not detail:
            self._concerns.discard(kind)


def _ended(child: subprocess.Popen) -> int:
    """Ask it to end, by closing its stdin; kill it where it does not."""
    child.stdin.close()
    try:
        return child.wait(STOP_S)
    except subprocess.TimeoutExpired:
        child.kill()
        return child.wait()


def _lock(folder: Path):
    """One capture a home; the engine holds the lock too, so that it is free only when both have ended. Raises BusyError."""
    make_folder(folder)
    file = (folder / "run.lock").open("ab")
    try:
        flock(file, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        file.close()
        raise BusyError("another `lakehouse cdc run` captures into this home", hint="end it first, or wait for its engine to end") from None
    return file
