"""What a batch takes in memory is bounded, and let go before the next batch is begun: much waiting work takes no more than a little."""

import weakref

import apache_beam as beam
import zstandard

from beam_pipelines import pulling
from beam_pipelines.running import Outcome, Steps, passed_whole, run, wired
from lakehouse.contracts import registry
from lakehouse.settings import Settings
from lakehouse.storage.memory import MemoryBus, MemoryFiles

TOPIC = "exam.events"
EVENT_BYTES = pulling._BYTES_AN_EVENT


@passed_whole
class Batch:
    pass


_made: list[weakref.ref] = []
_still_held: list[int] = []


def opened(number: int, settings: Settings) -> Batch:
    _still_held.append(sum(made() is not None for made in _made))
    batch = Batch()
    _made.append(weakref.ref(batch))
    return batch


def judged(batch: Batch, settings: Settings) -> Batch:
    return batch


def settled(batch: Batch, settings: Settings) -> Outcome:
    return Outcome(TOPIC, {"rows": 1})


STEPS: Steps = (("Open", opened), ("Judge", judged), ("Settle", settled))


class Through(beam.PTransform):
    def expand(self, numbers: beam.PCollection) -> beam.PCollection:
        return wired(numbers, STEPS, Settings())


def test_beam_lets_a_batch_go_before_the_next_one_is_opened() -> None:
    assert run(range(4), Through()) == {TOPIC: {"rows": 4}}
    assert _still_held == [0, 0, 0, 0]


def _puller(files: MemoryFiles, messages: list[bytes]) -> pulling.Puller:
    bus = MemoryBus()
    bus.publish(TOPIC, messages)
    return pulling.Puller(bus, files, [registry().get(TOPIC)])


def test_more_than_there_was_room_for_is_landed_in_parts_of_about_a_size() -> None:
    messages = [bytes([n]) * 5 * EVENT_BYTES for n in range(100)]  # all of them come in one pull
    batches = _puller(MemoryFiles(), messages).take(most_events=150, within_s=0)
    assert [data for batch in batches for data in batch.messages.values()] == messages
    assert [len(batch.messages) for batch in batches] == [25, 25, 25, 25], "of 30 messages at most, and none of them a small rest"


def test_a_message_larger_than_the_room_is_a_part_of_its_own() -> None:
    small = [bytes([n]) * EVENT_BYTES for n in range(20)]
    batches = _puller(MemoryFiles(), [*small[:10], b"x" * 200 * EVENT_BYTES, *small[10:]]).take(most_events=20, within_s=0)
    assert [len(batch.messages) for batch in batches] == [10, 1, 10]


def test_a_frame_that_claims_to_be_endless_holds_nobody_up() -> None:
    endless = zstandard.FRAME_HEADER + b"\xe0" + b"\xff" * 7 + b"\x7f"
    batches = _puller(MemoryFiles(), [b"one", endless, endless, b"two"]).take(most_events=20, within_s=0)
    assert [data for batch in batches for data in batch.messages.values()] == [b"one", endless, endless, b"two"]


def test_parts_that_were_interrupted_are_the_same_parts_again() -> None:
    files, messages = MemoryFiles(), [bytes([n]) * 5 * EVENT_BYTES for n in range(100)]
    before = _puller(files, messages).take(most_events=150, within_s=0)
    again = _puller(files, messages).take(most_events=10_000, within_s=0)
    assert {batch.batch_id: [*batch.messages] for batch in again} == {batch.batch_id: [*batch.messages] for batch in before}
