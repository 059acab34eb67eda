"""Land and refine on a streaming runner, one topic a pipeline: what ingest.py does on one machine.

    Pub/Sub ─┬▶ Gather (by count and time) ─▶ Land ─▶ what was landed, gathered again ─▶ refine.STEPS ─▶ clean
             └▶ Tally: messages a minute, on time and late

The records are in one window that never ends, so none is ever too late: one that comes a month after it happened is landed
and refined like any other, into the partition of its event time, which refine reads from the payload. Windows are for
what is counted by time. There late means behind the watermark; such messages are counted in a pane of their own, as long
as raw is kept, and after that are counted nowhere and refined all the same.
"""

from collections.abc import Iterable

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.metrics import Metrics
from apache_beam.transforms import trigger, window
from apache_beam.utils.windowed_value import PaneInfoTiming

from beam_pipelines import current
from beam_pipelines.gather import Gather
from beam_pipelines.land import Land
from beam_pipelines.refine import STEPS, waiting
from beam_pipelines.running import Outcome, wired
from beam_pipelines.sources import Group
from lakehouse.contracts import registry
from lakehouse.settings import Settings

TALLY_S = 60
_MOST_BATCHES = 100  # raw batches that are refined together
_DAY_S = 86_400


class LandAndRefine(beam.PTransform):
    """PCollection[PubsubMessage] of one topic → PCollection[Outcome] of its refinement."""

    def __init__(self, settings: Settings, topic: str) -> None:
        super().__init__()
        self._settings, self._topic = settings, topic

    def expand(self, messages: beam.PCollection) -> beam.PCollection:
        chosen = self._settings
        is_table = registry().get(self._topic).layer == "table"
        within_s = chosen.cdc_flush_seconds if is_table else chosen.land_batch_seconds
        landed = (
            messages
            | "Never too late" >> beam.WindowInto(window.GlobalWindows())
            | Gather(self._topic, chosen.land_batch_events, within_s)
            | Land(chosen)
        )
        groups = (
            landed
            | "Whose it is" >> beam.Map(_of_contract)
            | "One worker a contract" >> beam.GroupIntoBatches(_MOST_BATCHES, max_buffering_duration_secs=within_s)
            | "What waits" >> beam.FlatMap(_waiting, chosen)
        )
        return wired(groups, STEPS, chosen) | "Where floors came" >> beam.Map(_floors_applied, chosen)


class Tally(beam.PTransform):
    """PCollection[PubsubMessage] → PCollection[(window's end in seconds, is late, messages)]."""

    def __init__(self, settings: Settings, topic: str) -> None:
        super().__init__()
        self._kept_s, self._topic = settings.raw_window_days * _DAY_S, topic

    def expand(self, messages: beam.PCollection) -> beam.PCollection:
        return (
            messages
            | "By the minute" >> beam.WindowInto(
                window.FixedWindows(TALLY_S),
                trigger=trigger.AfterWatermark(late=trigger.AfterCount(1)),
                accumulation_mode=trigger.AccumulationMode.DISCARDING,
                allowed_lateness=self._kept_s,
            )
            | "One each" >> beam.Map(_one, self._topic)
            | "Sum" >> beam.CombinePerKey(sum)
            | "On time or late" >> beam.ParDo(_Told())
        )  # fmt: skip


class _Told(beam.DoFn):
    def process(self, counted: tuple[str, int], pane=beam.DoFn.PaneInfoParam, within=beam.DoFn.WindowParam):
        topic, messages = counted
        is_late = pane.timing == PaneInfoTiming.LATE
        Metrics.counter(topic, "messages_late" if is_late else "messages_on_time").inc(messages)
        yield float(within.end), is_late, messages


def _one(message: PubsubMessage, topic: str) -> tuple[str, int]:
    return topic, 1


def _of_contract(outcome: Outcome) -> tuple[str, int]:
    return outcome.contract, outcome.counts.get("landed", 0)


def _waiting(landed: tuple[str, Iterable[int]], settings: Settings) -> list[Group]:
    """What was landed is a nudge only: the waiting list says what there is, also of a worker that died."""
    return [group for _, group in waiting(settings, [registry().get(landed[0])])]


def _floors_applied(outcome: Outcome, settings: Settings) -> Outcome:
    if outcome.contract == current.FLOORS:
        current.apply_floors(settings)
    return outcome
