"""From the bus to clean within seconds: land and refine in one process, one small batch after the other.

    bus ─▶ pull ─▶ land: raw is committed ─▶ ack ─▶ refine what waits ─▶ clean ─▶ current, where it is a source table

Only what is durable in raw is acknowledged, so what happens after that may fail, be killed and be tried again. The steps
are those of Land and Refine, called directly. Batches are refined from raw as by `lakehouse refine`: whatever another
process, or a predecessor that was killed, has landed and not refined is found on the waiting list and refined too.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from beam_pipelines import current, land, pulling, refine
from beam_pipelines.counts import Counts, add
from beam_pipelines.locks import alone
from beam_pipelines.running import directly
from lakehouse.contracts import registry
from lakehouse.contracts.model import Contract
from lakehouse.settings import Settings
from lakehouse.storage.protocols import Bus, Files

_WAIT_S = 1.0


class Ingest:
    """The loop of one process over the contracts of some layers.

    `refined` is called after each batch with its counts: a hook for progress and measurements."""

    def __init__(
        self, settings: Settings, bus: Bus, files: Files, contracts: Sequence[Contract], refined: Callable[[Counts], None] = lambda _: None
    ) -> None:
        self._settings = settings
        self._contracts = {c.id: c for c in contracts}
        self._puller = pulling.Puller(bus, files, contracts)
        self._refined = refined
        self._only_tables = all(c.layer == "table" for c in contracts)

    def run(self, is_stopped: Callable[[], bool], follow: bool = True) -> Counts:
        """Until stopped, or, without `follow`, until nothing waits. First what a predecessor has left."""
        totals: Counts = {}
        self._refine(self._contracts, totals)
        while not is_stopped():
            batches = self._take(follow)
            if batches is None:
                if not follow:
                    break
                continue
            landed = directly(batches, land.STEPS, self._settings)
            self._puller.done()
            add(totals, landed)
            self._refine([b.topic for b in batches], totals)
        return totals

    def _take(self, follow: bool):
        chosen = self._settings
        within_s = chosen.cdc_flush_seconds if self._only_tables else chosen.land_batch_seconds
        enough = chosen.cdc_flush_rows if self._only_tables else None
        return self._puller.take(chosen.land_batch_events, within_s, _WAIT_S if follow else None, enough)

    def _refine(self, contract_ids, totals: Counts) -> None:
        for contract_id in dict.fromkeys(contract_ids):
            done = refine_waiting(self._settings, [self._contracts[contract_id]])
            add(totals, done)
            if done:
                self._refined(done)


def refine_waiting(settings: Settings, contracts: Sequence[Contract] | None = None) -> Counts:
    """Refine what waits of these contracts, here and now. Raises BusyError where another process is at one of them."""
    chosen = registry().ingested if contracts is None else contracts
    with ExitStack() as locked:
        for contract in sorted(chosen, key=lambda c: c.id):
            locked.enter_context(alone(settings.home, contract.id))
        groups = [group for _, group in refine.waiting(settings, chosen)]
        counts = directly(groups, refine.STEPS, settings)
    if current.FLOORS in counts:
        current.apply_floors(settings)
    return counts
