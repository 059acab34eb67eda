"""On a streaming runner: messages as Pub/Sub gives them, gathered and landed by the same transform."""

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage

from beam_pipelines.gather import EVENTS_A_MESSAGE, Gather
from beam_pipelines.land import Land
from beam_pipelines.running import run
from lakehouse.envelope import pack_envelopes
from tests.beam.test_refine_rules import LOGOUT, envelope

TOPIC = "auth.login.events"


class GatherAndLand(beam.PTransform):
    def __init__(self, settings) -> None:
        super().__init__()
        self._settings = settings

    def expand(self, messages):
        return messages | Gather(TOPIC, most_events=3 * EVENTS_A_MESSAGE, within_s=1) | Land(self._settings)


def test_messages_are_gathered_landed_and_refined(lake) -> None:
    data = [pack_envelopes([envelope(10 * n + i, LOGOUT) for i in range(10)])[0] for n in range(7)]
    messages = [PubsubMessage(d, {}, message_id=f"m{n}") for n, d in enumerate([*data, b"no envelope"])]
    landed = run(messages, GatherAndLand(lake.settings))[TOPIC]
    assert (landed["messages"], landed["landed"], landed["unreadable"]) == (8, 70, 1)
    assert lake.refine()[TOPIC]["valid"] == 70
    assert len(lake.markers(TOPIC)) >= 3, "three messages are a batch"
