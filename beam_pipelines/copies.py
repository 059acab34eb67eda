"""People on the bus, for their erasure: what waits there in clear is landed, where it is sealed or, being theirs, left out.

    purge  land and refine what waits ─▶ every refine that began before the keys were destroyed has ended ─▶ the log trimmed

Nobody can be taken out of a log message by message; so it is emptied: read to its end, left by its writers, freed.
"""

import time
from collections.abc import Iterator, Sequence

from beam_pipelines.locks import alone
from lakehouse.contracts import registry
from lakehouse.errors import BusyError
from lakehouse.places import Home
from lakehouse.privacy.erasure.copies import Place, Purged, Tell
from lakehouse.privacy.erasure.scan import scanned
from lakehouse.privacy.requests import Whom
from lakehouse.privacy.rights.held import Held
from lakehouse.storage.local import LocalBus
from lakehouse.storage.open import open_bus, open_files, open_spool
from lakehouse.storage.segment_log import SEGMENT_SECONDS

_EMPTIED_LIMIT_S = 4 * SEGMENT_SECONDS
_PAUSE_S = 1.0
_REFINING_LIMIT_S = 600.0


class Log(Place):
    """The bus, and a collector's spool on this machine. What Pub/Sub keeps of what was read, it keeps by its own rules."""

    name = "bus"
    stage = 10

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        tell("bus")
        self._land()
        for contract in registry().ingested:
            with alone(self.settings.home, contract.id, patience_s=_REFINING_LIMIT_S):
                """Whoever refined with the pseudonyms of before has ended."""
        needles = [text.encode() for one in people for text in one.traces]
        until, held = time.monotonic() + _EMPTIED_LIMIT_S, self._held(needles)
        first = held
        while held and time.monotonic() < until:
            tell(f"bus, until its writers leave {held} segments")
            time.sleep(_PAUSE_S)
            self._land()
            held = self._held(needles)
        return [Purged("bus", "read to its end and freed", first)] if first else []

    def held(self, one: Whom) -> Iterator[Held]:
        """What waits here is landed first: then the sealed record shows it. This place is asked before all others."""
        self._land()
        return iter(())

    def _land(self) -> None:
        """Here, unless `lakehouse ingest` runs, which does the same all the time."""
        from beam_pipelines.ingest import Ingest  # and with it Beam, which takes seconds to load, and is not needed to close

        bus = open_bus(self.settings)
        try:
            Ingest(self.settings, bus, open_files(self.settings), registry().ingested).run(lambda: False, follow=False)
        except BusyError:
            return
        finally:
            bus.close()

    def _held(self, needles: Sequence[bytes]) -> int:
        """Traces in what the log still holds, once it is trimmed."""
        home = Home(self.settings.home)
        for bus, folder in ((open_bus(self.settings), home.bus), (open_spool(self.settings), home.spool)):
            if isinstance(bus, LocalBus) and folder.is_dir():
                for topic in bus.topics():
                    bus.trim(topic)
        return sum(len(scanned(folder, needles).hits) for folder in (home.bus, home.spool) if folder.is_dir())
