"""Pub/Sub's messages, gathered into what is landed together: how a streaming runner does what pulling.Puller does here.

PubsubMessage ─▶ keyed by topic, sharded ─▶ GroupIntoBatches ─▶ Pulled
"""

from collections.abc import Iterable
from datetime import UTC, datetime

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage

from beam_pipelines.landing import Pulled
from beam_pipelines.pulling import batch_name, message_name

EVENTS_A_MESSAGE = 200  # about what the collector packs under load; a raw file is cut at its own limit in any case


class Gather(beam.PTransform):
    """PCollection[PubsubMessage] of one topic → PCollection[Pulled]."""

    def __init__(self, topic: str, most_events: int, within_s: float) -> None:
        super().__init__()
        self._topic = topic
        self._messages = max(1, most_events // EVENTS_A_MESSAGE)
        self._within_s = within_s

    def expand(self, messages: beam.PCollection) -> beam.PCollection:
        return (
            messages
            | "By topic" >> beam.Map(_keyed, self._topic)
            | "Together" >> beam.GroupIntoBatches.WithShardedKey(self._messages, max_buffering_duration_secs=self._within_s)
            | "As pulled" >> beam.Map(_pulled, self._topic)
        )


def _keyed(message: PubsubMessage, topic: str) -> tuple[str, tuple[str, bytes]]:
    return topic, (message_name(message.message_id, message.data), message.data)


def _pulled(together: tuple[object, Iterable[tuple[str, bytes]]], topic: str) -> Pulled:
    messages = dict(sorted(together[1]))
    return Pulled(topic, batch_name(topic, list(messages)), datetime.now(UTC), messages)
