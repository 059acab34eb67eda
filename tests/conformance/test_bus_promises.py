"""What a bus promises: at least once, until it is acknowledged, whatever happens to the program in between."""

import threading
import time

import pytest

from lakehouse.errors import BadInputError, BusyError
from lakehouse.storage.protocols import Bus, Message

pytestmark = pytest.mark.slow(50)

TOPIC = "exam.events"


def pull_all(bus: Bus, subscription: str = "land", expect: int = 0, topic: str = TOPIC, within_s: float = 10.0) -> list[Message]:
    """At least `expect` messages, and then whatever else is there."""
    messages, until = [], time.monotonic() + within_s
    while len(messages) < expect and time.monotonic() < until:
        messages += bus.pull(topic, subscription, 1000, 1.0)
    assert len(messages) >= expect
    return messages + bus.pull(topic, subscription, 1000, 0.0)


def data(messages: list[Message]) -> list[bytes]:
    return sorted(m.data for m in messages)


def test_what_is_published_is_delivered_once(bus):
    sent = [b"\x00\xff binary", b"\x28\xb5\x2f\xfd zstd", "서울".encode(), b"a"]
    bus.publish(TOPIC, sent[:3])
    bus.publish(TOPIC, sent[3:])
    assert data(pull_all(bus, expect=4)) == sorted(sent)


def test_publishing_nothing_is_no_error(bus):
    bus.publish(TOPIC, [])
    assert bus.pull(TOPIC, "land", 10, 0.0) == []


def test_an_empty_topic_answers_after_the_wait(bus):
    before = time.monotonic()
    assert bus.pull(TOPIC, "land", 10, 1.2) == []
    assert 1.1 <= time.monotonic() - before < 6


def test_pull_waits_for_a_message_that_comes_late(bus):
    late = threading.Timer(0.5, bus.publish, (TOPIC, [b"late"]))
    late.start()
    before = time.monotonic()
    assert data(bus.pull(TOPIC, "land", 10, 20.0)) == [b"late"]
    assert time.monotonic() - before < 10
    late.join()


def test_what_is_acknowledged_never_comes_again(bus, reopen):
    bus.publish(TOPIC, [b"1", b"2", b"3"])
    bus.ack(TOPIC, "land", pull_all(bus, expect=3))
    assert pull_all(reopen()) == []


def test_what_is_not_acknowledged_comes_to_the_next_process(bus, reopen):
    bus.publish(TOPIC, [b"1", b"2", b"3"])
    first = pull_all(bus, expect=3)
    again = pull_all(reopen(), expect=3)
    assert sorted((m.id, m.data) for m in again) == sorted((m.id, m.data) for m in first)


def test_what_is_not_acknowledged_comes_again_after_the_deadline(bus, kind_of_bus):
    bus.publish(TOPIC, [b"1", b"2"])
    first = pull_all(bus, expect=2)
    bus.ack(TOPIC, "land", [m for m in first if m.data == b"1"])
    time.sleep(kind_of_bus.deadline_s)
    again = pull_all(bus, expect=1, within_s=20)
    assert data(again) == [b"2"]
    bus.ack(TOPIC, "land", again)
    time.sleep(kind_of_bus.deadline_s)
    assert pull_all(bus) == []


def test_acknowledging_out_of_order_loses_nothing(bus, reopen):
    sent = [b"%d" % n for n in range(10)]
    bus.publish(TOPIC, sent)
    bus.ack(TOPIC, "land", [m for m in pull_all(bus, expect=10) if m.data in (b"3", b"7", b"9")])
    again = data(pull_all(reopen(), expect=7))
    assert set(sent) - {b"3", b"7", b"9"} <= set(again)


def test_acknowledging_twice_is_no_error(bus):
    bus.publish(TOPIC, [b"1"])
    messages = pull_all(bus, expect=1)
    bus.ack(TOPIC, "land", messages)
    bus.ack(TOPIC, "land", messages)
    bus.ack(TOPIC, "land", [])
    assert pull_all(bus) == []


def test_each_subscription_gets_everything(bus):
    bus.publish(TOPIC, [b"1", b"2"])
    bus.ack(TOPIC, "land", pull_all(bus, expect=2))
    assert data(pull_all(bus, "audit", expect=2)) == [b"1", b"2"]


def test_topics_do_not_mix(bus):
    bus.publish(TOPIC, [b"exam"])
    bus.publish("web.events", [b"web"])
    assert data(pull_all(bus, topic="web.events", expect=1)) == [b"web"]
    assert data(pull_all(bus, expect=1)) == [b"exam"]


def test_a_new_subscription_starts_with_the_oldest_message_kept(bus, kind_of_bus):
    bus.publish(TOPIC, [b"before"])
    kind_of_bus.make(TOPIC, "newcomer")
    assert data(pull_all(bus, "newcomer", expect=1, within_s=3)) == [b"before"]


def test_no_more_than_was_asked_for(bus):
    bus.publish(TOPIC, [b"%d" % n for n in range(25)])
    pulled, sizes = [], []
    while len(pulled) < 25:
        batch = bus.pull(TOPIC, "land", 10, 5.0)
        pulled += batch
        sizes.append(len(batch))
    assert max(sizes) <= 10
    assert data(pulled) == sorted(b"%d" % n for n in range(25))


def test_ids_are_unique_in_the_topic_for_ever(bus, reopen):
    bus.publish(TOPIC, [b"same"] * 5)
    first = pull_all(bus, expect=5)
    bus.ack(TOPIC, "land", first)
    bus = reopen()
    bus.publish(TOPIC, [b"same"] * 5)
    assert len({m.id for m in first + pull_all(bus, expect=5)}) == 10


def test_threads_may_publish_at_once(bus):
    def publish(worker: int) -> None:
        for number in range(20):
            bus.publish(TOPIC, [b"%d-%d" % (worker, number)])

    workers = [threading.Thread(target=publish, args=(n,)) for n in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert data(pull_all(bus, expect=160)) == sorted(b"%d-%d" % (w, n) for w in range(8) for n in range(20))


def test_full_batches_come_through(bus):
    # Random bytes stand for packed batches that hardly compress; together they exceed what an emulator's channel takes.
    sent = [bytes([n]) * 1_400_000 for n in range(6)]
    bus.publish(TOPIC, sent)
    got: dict[str, bytes] = {}
    until = time.monotonic() + 60
    while len(got) < 6 and time.monotonic() < until:
        messages = bus.pull(TOPIC, "land", 100, 2.0)
        got |= {m.id: m.data for m in messages}
        bus.ack(TOPIC, "land", messages)
    assert sorted(got.values()) == sent


@pytest.mark.parametrize("topic", ["", "../escape", "a/b", "1starts.with.digit", "nul\0", ".hidden"])
def test_names_that_leave_their_folder_are_refused(bus, topic):
    with pytest.raises(BadInputError):
        bus.publish(topic, [b"x"])
    with pytest.raises(BadInputError):
        bus.pull(TOPIC, topic, 1, 0.0)


def test_one_process_reads_a_subscription(bus, kind_of_bus):
    bus.pull(TOPIC, "land", 1, 0.0)
    other = kind_of_bus.open()
    try:
        with pytest.raises(BusyError, match=r"exam\.events/land"):
            other.pull(TOPIC, "land", 1, 0.0)
        assert other.pull(TOPIC, "audit", 1, 0.0) == []
        bus.close()
        assert other.pull(TOPIC, "land", 1, 0.0) == []
    finally:
        other.close()


def test_trimming_takes_nothing_that_somebody_waits_for(bus, reopen):
    bus.publish(TOPIC, [b"read", b"unread"])
    bus.ack(TOPIC, "land", [m for m in pull_all(bus, expect=2) if m.data == b"read"])
    again = reopen()
    again.trim(TOPIC)
    assert b"unread" in data(pull_all(again, expect=1))
