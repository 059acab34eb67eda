"""The process that Debezium lives in: started by supervisor.py, ends when its stdin does.

    stdin ─ end of file ─▶ close the engine ─▶ exit 0          a failure ─▶ exit with its code; the supervisor looks, and starts anew
    stdout ◀─ one line of JSON once the engine polls

The supervisor's death closes stdin too, so no engine outlives whoever watches it.
"""

import json
import os
import secrets
import signal
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from collectors.cdc import integrity
from collectors.cdc.ledger import Ledger, Standing
from collectors.cdc.offsets import Offsets
from collectors.cdc.publishing import OnBatch, Position, Publisher
from collectors.cdc.source import Source, Table, source_of
from collectors.cdc.translate import FLOORS, Setting, Translator
from lakehouse.contracts import registry
from lakehouse.errors import IntegrityGapError, LakehouseError
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_bus
from lakehouse.storage.protocols import Bus

if TYPE_CHECKING:
    from collectors.cdc.engine import Engine

_log = get_log(__name__)
_UNEXPLAINED = 1
_START_S = 120
STOP_S = 30.0


def translator_of(standing: Standing, tables: list[Table], secret: bytes, placeholder: str) -> Translator:
    contracts = registry()
    zones = [z.zone_id for z in contracts.zones]
    told = {t.qualified: t.told_of_deleted for t in tables}
    by_name = {t.qualified: t.contract for t in tables}
    # A row without a zone (a table of all zones, or a deleted row that tells its key alone) is filed under the first one.
    return Translator(
        Setting(
            by_name,
            told,
            contracts.get(FLOORS),
            contracts.here,
            frozenset(zones),
            zones[0],
            standing.epoch,
            standing.floor_lsn,
            secret,
            placeholder,
        )
    )


def main() -> int:
    """Returns the exit code."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)  # the supervisor decides, and says so by closing stdin
    chosen = settings()
    bus = open_bus(chosen)
    try:
        return _run(chosen, bus)
    except LakehouseError as error:
        _log.error("the engine ended", error=error)
        return error.exit_code
    except Exception as error:  # noqa: BLE001
        # Nothing of the batch in hand is confirmed: it comes again with the next engine. The message may quote a row.
        _log.error("the engine ended", error=error)
        return _UNEXPLAINED
    finally:
        bus.close()


def _run(chosen: Settings, bus: Bus) -> int:
    running = engine_of(chosen, bus)
    threading.Thread(target=_close_at_end_of_stdin, args=(running,), daemon=True).start()
    threading.Thread(target=_tell_when_polling, args=(running,), daemon=True).start()
    try:
        running.run()
    except Exception:
        # Closing interrupts a batch that is in hand; it was not confirmed, and comes again. Anything else is told.
        if not running.is_closed:
            raise
    return 0


def engine_of(chosen: Settings, bus: Bus, around: Callable[[OnBatch], OnBatch] = lambda on_batch: on_batch) -> "Engine":
    """The engine, ready to run, in a JVM that this starts. `around` stands between it and what publishes (bench/cdc.py measures there).
    Raises LakehouseError."""
    from collectors.cdc import engine, jvm

    home = Home(chosen.home)
    ledger, offsets, source = Ledger(home.cdc), Offsets(home.cdc), source_of(chosen)
    standing = ledger.standing()
    tables, _ = source.tables(registry())
    placeholder = f"unchanged:{secrets.token_hex(16)}"
    publisher = Publisher(
        bus,
        ledger,
        translator_of(standing, tables, ledger.secret, placeholder),
        standing.epoch,
        standing.generation,
        standing.floor_lsn,
        sorted(t.contract.table for t in tables),
        is_snapshot=not standing.is_complete,
        check_first=lambda position: _require_same_source(source, ledger, standing, position),
    )
    jvm.start(home.cdc)
    configuration = engine.properties(
        source.address(),
        chosen.cdc_slot,
        chosen.cdc_publication,
        [t.qualified for t in tables],
        offsets.path,
        chosen.cdc_heartbeat_ms,
        chosen.cdc_batch_rows,
        placeholder,
    )
    return engine.Engine(configuration, around(publisher.publish), offsets.keep)


def _require_same_source(source: Source, ledger: Ledger, standing: Standing, position: Position) -> None:
    """Between the supervisor's look and the engine's connection another cluster may have taken the address, or the slot may
    have been made anew. From here on the slot is held. Raises IntegrityGapError.

    A snapshot stands exactly where its slot begins if the engine made the slot itself. In one that it found it reads the tables
    first and asks for the log's end afterwards, and would miss what commits in between.
    """
    sighting = source.sighting()
    verdict = integrity.running(standing, sighting)
    if verdict.action != "resume":
        raise IntegrityGapError(verdict.reason, hint="the supervisor looks again, and begins a new epoch")
    if standing.is_complete:
        return
    if sighting.slot is None or sighting.slot.confirmed_lsn != position.lsn:
        raise IntegrityGapError(
            "somebody else made the slot of this snapshot", hint="the supervisor drops it, and begins the snapshot anew"
        )
    ledger.slot_seen(standing.generation, position.lsn)


def _close_at_end_of_stdin(running) -> None:
    """Whoever would kill an engine that does not end may be gone. Then it goes by itself: what is not confirmed comes again."""
    sys.stdin.buffer.read()
    ends = threading.Timer(STOP_S, os._exit, (_UNEXPLAINED,))
    ends.daemon = True
    ends.start()
    running.close()


def _tell_when_polling(running) -> None:
    if running.wait_until_polling(_START_S):
        print(json.dumps({"pid": os.getpid()}), flush=True)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # Java's threads would hold a usual exit up
