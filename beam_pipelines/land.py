"""Landing: what waits on the bus becomes sealed raw files, committed batch by batch.

    Pulled ─▶ read the envelopes ─▶ keep what is no envelope ─▶ seal and commit ─▶ counts
                                          └─▶ dead letters            └─▶ raw

STEPS is the wiring. Beam runs it as a transform (on Dataflow behind ReadFromPubSub, see streaming.py; here command.py
pulls and acknowledges); ingest.py calls the same steps one after the other, without Beam's fixed cost for each batch.
"""

from dataclasses import dataclass, field
from functools import lru_cache

import apache_beam as beam

from beam_pipelines import sinks
from beam_pipelines.landing import EnvelopeReader, Pulled, Unreadable
from beam_pipelines.running import Outcome, Steps, passed_whole, wired
from beam_pipelines.stores import stores
from lakehouse.contracts import Registry, registry
from lakehouse.envelope import Envelope
from lakehouse.settings import Settings


class Land(beam.PTransform):
    """PCollection[Pulled] → PCollection[Outcome], one a batch."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, pulled: beam.PCollection) -> beam.PCollection:
        passed_whole(Pulled)
        return wired(pulled, STEPS, self._settings)


@passed_whole
@dataclass(frozen=True)
class Read:
    """What the messages of a batch hold."""

    pulled: Pulled
    envelopes: list[Envelope]
    unreadable: list[Unreadable]
    counts: dict[str, int] = field(default_factory=dict)


def read_envelopes(pulled: Pulled, settings: Settings) -> Read:
    return Read(pulled, *_reader(registry(), pulled.topic).read(pulled.messages.values()))


def keep_unreadable(read: Read, settings: Settings) -> Read:
    counts = sinks.put_unreadable(stores(settings), registry().get(read.pulled.topic), read.pulled, read.unreadable)
    return Read(read.pulled, read.envelopes, [], counts)


def seal_and_commit(read: Read, settings: Settings) -> Outcome:
    contract = registry().get(read.pulled.topic)
    counts = sinks.put_raw(stores(settings), contract, read.pulled, read.envelopes, settings.land_batch_events)
    return Outcome(contract.id, counts | read.counts)


STEPS: Steps = (
    ("Read the envelopes", read_envelopes),
    ("Keep what is no envelope", keep_unreadable),
    ("Seal and commit", seal_and_commit),
)


@lru_cache(maxsize=64)
def _reader(contracts: Registry, topic: str) -> EnvelopeReader:
    return EnvelopeReader(contracts, contracts.get(topic))
