"""The log on disk, record by record: what is whole is delivered, what is torn is not, and nothing waits for ever."""

import os
import threading
from pathlib import Path

import pytest

from lakehouse.errors import BadInputError, CorruptError, NotDurableError
from lakehouse.storage import segment
from lakehouse.storage.local import LocalBus

TOPIC = "exam.events"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "bus"


def publish(root: Path, *messages: bytes) -> Path:
    """By a writer of its own, which then ends; returns its segment."""
    bus = LocalBus(root)
    bus.publish(TOPIC, messages)
    newest = files(root)[-1]
    bus.close()
    return newest


def files(root: Path) -> list[Path]:
    return sorted((root / TOPIC).glob("*.seg"))


def pulled(root: Path, subscription: str = "land") -> list[bytes]:
    bus = LocalBus(root)
    try:
        return [m.data for m in bus.pull(TOPIC, subscription, 1000, 0.0)]
    finally:
        bus.close()


def test_a_torn_end_is_skipped_wherever_it_tore(root):
    torn = publish(root, b"whole", b"torn by a kill")
    publish(root, b"later")
    complete = torn.read_bytes()
    first = segment.HEADER.size + len(b"whole")
    for size in range(first, len(complete)):
        torn.write_bytes(complete[:size])
        assert pulled(root) == [b"whole", b"later"]
    torn.write_bytes(complete)
    assert pulled(root) == [b"whole", b"torn by a kill", b"later"]


def test_a_power_cut_may_leave_zeros_for_an_end(root):
    torn = publish(root, b"whole")
    with torn.open("ab") as file:
        file.write(bytes(5000))
    publish(root, b"later")
    assert pulled(root) == [b"whole", b"later"]


def test_every_single_flipped_byte_is_noticed(root):
    sent = [b"first", b"second", b"third"]
    damaged = publish(root, *sent)
    good = damaged.read_bytes()
    second = segment.HEADER.size + len(sent[0])
    third = second + segment.HEADER.size + len(sent[1])
    for at in range(len(good)):
        damaged.write_bytes(good[:at] + bytes([good[at] ^ 0x40]) + good[at + 1 :])
        hit = 0 if at < second else 1 if at < third else 2
        # What stands behind the damage was acknowledged too, and must not be lost with it.
        assert pulled(root) == sent[:hit] + sent[hit + 1 :]


def test_damage_between_good_records_is_counted(root):
    damaged = publish(root, b"first", b"second", b"third")
    damaged.write_bytes(damaged.read_bytes().replace(b"second", b"secOnd"))
    bus = LocalBus(root)
    bus.pull(TOPIC, "land", 10, 0.0)
    assert bus.damaged_bytes(TOPIC, "land") == segment.HEADER.size + len(b"second")
    bus.close()


def test_a_message_that_holds_a_record_is_still_one_message(root):
    """A sender may have read our code: bytes that look like a record must not become one where its carrier is damaged."""
    inner = publish(root, b"forged").read_bytes()
    damaged = publish(root, b"x" + inner + b"y", b"last")
    assert pulled(root) == [b"forged", b"x" + inner + b"y", b"last"]
    damaged.write_bytes(damaged.read_bytes().replace(b"x" + inner, b"X" + inner))
    assert pulled(root) == [b"forged", b"last"]


def test_a_record_is_not_delivered_before_it_is_whole(root):
    whole = publish(root, b"a record").read_bytes()
    files(root)[0].unlink()
    writer = segment.SegmentWriter(root / TOPIC)
    reader = LocalBus(root)
    target = segment.HEADER.pack(b"MCL1", 8, segment._checksum(writer._seed, 0, b"a record")) + b"a record"
    assert len(target) == len(whole)
    for at in range(len(target)):
        assert reader.pull(TOPIC, "land", 10, 0.0) == []
        os.write(writer._fd, target[at : at + 1])
    assert [m.data for m in reader.pull(TOPIC, "land", 10, 0.0)] == [b"a record"]
    writer.close()
    reader.close()


def test_a_writer_that_waits_does_not_hold_up_the_others(root):
    (root / TOPIC).mkdir(parents=True)
    silent = segment.SegmentWriter(root / TOPIC)
    os.write(silent._fd, b"half a hea")
    publish(root, b"later")
    assert pulled(root) == [b"later"]
    silent.close()


def test_pull_sees_segments_of_new_writers(root):
    reader = LocalBus(root)
    assert reader.pull(TOPIC, "land", 10, 0.0) == []
    for number in range(3):
        publish(root, b"%d" % number)
        assert [m.data for m in reader.pull(TOPIC, "land", 10, 0.0)] == [b"%d" % number]
    reader.close()


def test_threads_share_an_fsync(root, monkeypatch):
    bus, real, calls = LocalBus(root), os.pwritev, []

    def slow_disk(fd: int, *what: object) -> int:
        calls.append(fd)
        threading.Event().wait(0.02)
        return real(fd, *what)

    monkeypatch.setattr(os, "pwritev", slow_disk)
    threads = [threading.Thread(target=bus.publish, args=(TOPIC, [b"%d" % n])) for n in range(40)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    bus.close()
    assert sorted(pulled(root)) == sorted(b"%d" % n for n in range(40))
    assert len(calls) <= 6


def test_segments_rotate_by_size_and_are_trimmed_once_read(root):
    bus = LocalBus(root, segment_bytes=1000)
    for number in range(10):
        bus.publish(TOPIC, [b"%d" % number * 400])
    assert len(files(root)) == 4  # three records a segment, and one begun
    assert bus.trim(TOPIC) == 0  # nobody has subscribed: nothing is known to be read
    messages = bus.pull(TOPIC, "land", 100, 0.0)
    bus.pull(TOPIC, "audit", 1, 0.0)
    bus.ack(TOPIC, "land", messages)
    assert bus.trim(TOPIC) == 0  # audit has read nothing yet
    bus.ack(TOPIC, "audit", bus.pull(TOPIC, "audit", 4, 0.0))
    assert bus.trim(TOPIC) == 0  # its first message is delivered, but not acknowledged
    bus.close()
    bus = LocalBus(root)
    bus.ack(TOPIC, "audit", bus.pull(TOPIC, "audit", 7, 0.0))
    assert bus.trim(TOPIC) == 3
    assert [m.data[:1] for m in bus.pull(TOPIC, "audit", 100, 0.0)] == [b"9"]
    assert bus.pull(TOPIC, "land", 100, 0.0) == []
    bus.close()


def test_the_segment_being_written_is_never_trimmed(root):
    bus = LocalBus(root)
    bus.publish(TOPIC, [b"1"])
    bus.ack(TOPIC, "land", bus.pull(TOPIC, "land", 10, 0.0))
    assert bus.trim(TOPIC) == 0
    bus.publish(TOPIC, [b"2"])
    assert [m.data for m in bus.pull(TOPIC, "land", 10, 0.0)] == [b"2"]
    bus.close()
    assert LocalBus(root).trim(TOPIC) == 0  # 2 was never acknowledged


def test_a_torn_segment_is_trimmed_like_any_other(root):
    torn = publish(root, b"whole", b"torn")
    torn.write_bytes(torn.read_bytes()[:-1])
    bus = LocalBus(root)
    bus.ack(TOPIC, "land", bus.pull(TOPIC, "land", 10, 0.0))
    assert bus.trim(TOPIC) == 1
    bus.close()
    assert files(root) == []


def test_offsets_of_trimmed_segments_are_forgotten(root):
    bus = LocalBus(root)
    for number in range(3):
        publish(root, b"%d" % number)
        bus.ack(TOPIC, "land", bus.pull(TOPIC, "land", 10, 0.0))
        bus.trim(TOPIC)
    publish(root, b"last")
    bus.ack(TOPIC, "land", bus.pull(TOPIC, "land", 10, 0.0))
    bus.close()
    assert (root / TOPIC / "land.offsets").read_text().count("-") == 1


def test_damaged_offsets_stop_the_consumer_and_say_what_to_do(root):
    publish(root, b"1")
    pulled(root)
    (root / TOPIC / "land.offsets").write_bytes(b"{")
    with pytest.raises(CorruptError) as error:
        pulled(root)
    assert "remove" in error.value.hint


def test_a_record_beyond_every_limit_is_refused(root, monkeypatch):
    monkeypatch.setattr("lakehouse.storage.segment_log.MAX_RECORD_BYTES", 10)
    bus = LocalBus(root)
    with pytest.raises(BadInputError):
        bus.publish(TOPIC, [b"fine", b"eleven byte"])
    bus.publish(TOPIC, [b"fine"])
    bus.close()
    assert pulled(root) == [b"fine"]


def test_what_was_written_and_not_synced_is_no_acknowledgement_and_no_end(root, monkeypatch):
    bus, real = LocalBus(root), os.pwritev
    bus.publish(TOPIC, [b"before"])

    def failing(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        assert flags == os.RWF_DSYNC
        real(fd, views, offset)
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as disk:
        disk.setattr(os, "pwritev", failing)
        with pytest.raises(NotDurableError):
            bus.publish(TOPIC, [b"not promised"])
    bus.publish(TOPIC, [b"after"])
    bus.close()
    assert pulled(root) == [b"before", b"after"]


def test_a_disk_that_takes_a_little_at_a_time_gets_it_all(root, monkeypatch):
    bus, real = LocalBus(root), os.pwritev

    def a_little(fd: int, views: list[memoryview], offset: int, flags: int) -> int:
        return real(fd, [views[0][:7]], offset, flags)

    monkeypatch.setattr(os, "pwritev", a_little)
    bus.publish(TOPIC, [b"twelve bytes", b"and some more of them"])
    bus.close()
    assert pulled(root) == [b"twelve bytes", b"and some more of them"]


def test_an_interrupted_writer_fails_all_who_waited_with_it(root, monkeypatch):
    bus, real, entered, failures = LocalBus(root), os.pwritev, threading.Event(), []

    def interrupted(fd: int, *what: object) -> int:
        entered.set()
        threading.Event().wait(0.2)
        raise KeyboardInterrupt

    def publish_one(number: int) -> None:
        try:
            bus.publish(TOPIC, [b"%d" % number])
        except (NotDurableError, KeyboardInterrupt) as error:
            failures.append(error)

    monkeypatch.setattr(os, "pwritev", interrupted)
    threads = [threading.Thread(target=publish_one, args=(n,)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(failures) == 4
    monkeypatch.setattr(os, "pwritev", real)
    bus.publish(TOPIC, [b"after"])
    bus.close()
    assert pulled(root) == [b"after"]
