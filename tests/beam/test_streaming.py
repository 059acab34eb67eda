"""Land and refine on a streaming runner: batches by count and by time, windows, and data that comes late.

The runner is Beam's own for TestStream, where watermark and clock move only when the test says so.
"""

import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.testing.test_pipeline import TestPipeline
from apache_beam.testing.test_stream import TestStream
from apache_beam.testing.util import assert_that, equal_to
from apache_beam.transforms.window import TimestampedValue

from beam_pipelines.gather import EVENTS_A_MESSAGE
from beam_pipelines.streaming import LandAndRefine, Tally
from lakehouse.envelope import pack_envelopes
from tests.beam.test_refine_rules import LOGOUT, envelope

TOPIC = "auth.login.events"


def message(number: int, at_s: int, occurred_at: str | None = None) -> TimestampedValue:
    payload = LOGOUT | ({"occurred_at": occurred_at} if occurred_at else {})
    data = pack_envelopes([envelope(10 * number + i, payload) for i in range(10)])[0]
    return TimestampedValue(PubsubMessage(data, {}, message_id=f"m{number:03d}"), at_s)


def streaming() -> TestPipeline:
    return TestPipeline(options=PipelineOptions(["--streaming", "--allow_unsafe_triggers"]))


def test_batches_by_count_and_by_time_and_what_is_late_goes_where_it_belongs(lake) -> None:
    chosen = lake.settings.model_copy(update={"land_batch_events": 3 * EVENTS_A_MESSAGE, "land_batch_seconds": 5.0})
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([message(n, at_s=n) for n in range(3)])  # three messages are a batch
        .add_elements([message(3, at_s=4)])  # and this one waits
        .advance_processing_time(6)
        .advance_watermark_to(1_000_000)
        .add_elements([message(4, at_s=5, occurred_at="2026-02-20T10:00:00Z")])  # long behind the watermark
        .advance_processing_time(6)
        .advance_watermark_to_infinity()
    )
    with streaming() as pipeline:
        _ = pipeline | stream | LandAndRefine(chosen, TOPIC)
    rows = lake.clean(TOPIC)
    assert len({row["event_id"] for row in rows}) == len(rows) == 50
    c = "auth/clean/login_events"
    days = {path.split("dt=")[1][:10] for path in lake.at.tables.files(c)}
    assert days == {"2026-03-03", "2026-02-20"}
    sizes = sorted(marker["rows"] for marker in lake.markers(TOPIC))
    assert sum(sizes) == 50 and max(sizes) == 30, sizes


@pytest.mark.parametrize(
    "late_by_s, counted",
    [(50, [(60.0, False, 5)]), (1_000, [(60.0, False, 3), (60.0, True, 2)]), (40 * 86_400, [(60.0, False, 3)])],
    ids=["before the window ends", "after it", "beyond the raw window"],
)
def test_messages_are_counted_by_the_minute_and_those_behind_the_watermark_apart(lake, late_by_s: int, counted: list) -> None:
    stream = (
        TestStream()
        .advance_watermark_to(0)
        .add_elements([message(n, at_s=n) for n in range(3)])
        .advance_watermark_to(late_by_s)
        .add_elements([message(n, at_s=n) for n in (7, 8)])
        .advance_watermark_to_infinity()
    )
    with streaming() as pipeline:
        assert_that(pipeline | stream | Tally(lake.settings, TOPIC), equal_to(counted))
