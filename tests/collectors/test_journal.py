"""What was published lately: kept, bounded, and published again exactly when somebody has missed it."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from collectors.events.rebirth import JournaledBus, Watch, has_missed, merged
from lakehouse.errors import NotDurableError
from lakehouse.storage.journal import Journal

TOPIC, HOUR = "exam.events", 3600.0


class Remote:
    """A bus elsewhere: what it holds, and who its subscriptions are."""

    def __init__(self) -> None:
        self.messages: list[bytes] = []
        self.who: dict[str, str] = {"land": "a/a"}
        self.is_away = False

    def publish(self, topic: str, messages) -> None:
        if self.is_away:
            raise NotDurableError("away")
        self.messages += messages

    def incarnations(self, topic: str) -> dict[str, str]:
        if self.is_away:
            raise NotDurableError("away")
        return self.who

    def comes_back_empty(self, **who: str) -> None:
        self.messages, self.who = [], who

    def close(self) -> None: ...


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    journal = Journal(tmp_path / "journal", HOUR, 80_000)
    yield journal
    journal.close()


def kept(journal: Journal, since: datetime | None = None) -> list[bytes]:
    return [message for group in journal.read(TOPIC, since) for message in group]


def watch(remote: Remote, journal: Journal, tmp_path: Path) -> Watch:
    return Watch(remote, journal, tmp_path / "journal", every_s=0.02)


def test_it_is_read_again_in_order_also_by_the_next_process(journal: Journal, tmp_path: Path) -> None:
    sent = [b"%03d" % n for n in range(200)]
    for message in sent:
        journal.keep(TOPIC, [message])
    assert kept(journal) == sent
    assert [m for g in Journal(tmp_path / "journal", HOUR, 80_000).read(TOPIC) for m in g] == sent
    assert journal.topics() == [TOPIC]


def test_it_holds_no_more_than_it_may_and_nothing_that_is_too_old(journal: Journal) -> None:
    for n in range(30):
        journal.keep(TOPIC, [b"%02d" % n + os.urandom(9_998)])
        journal.trim(TOPIC)
    there = [m[:2] for m in kept(journal)]
    assert there[-1] == b"29" and 3 <= len(there) <= 10 and there == sorted(there)
    for path in (journal._root / TOPIC).glob("*.seg"):
        os.utime(path, (time.time() - 2 * HOUR,) * 2)
    journal.close()
    journal.trim(TOPIC)
    assert kept(journal) == []


def test_only_what_is_young_enough_is_read(journal: Journal) -> None:
    journal.keep(TOPIC, [b"old"])
    journal.close()
    [old] = (journal._root / TOPIC).glob("*.seg")
    os.utime(old, (time.time() - 600,) * 2)
    journal.keep(TOPIC, [b"new"])
    assert kept(journal, datetime.now(UTC) - timedelta(minutes=5)) == [b"new"]


@pytest.mark.parametrize(
    "before, now, missed",
    [
        ({"land": "a/a"}, {"land": "a/a"}, False),
        ({"land": "a/a"}, {"land": "b/b"}, True),  # the topic was made again
        ({"land": "a/a"}, {"land": "a/b"}, True),  # the subscription was
        ({"land": "a/a"}, {}, False),  # it is gone: there is nobody yet to publish for
        ({"land": ""}, {"land": "a/a"}, True),  # it was gone, and is back
        ({"land": "a/a"}, {"land": "a/a", "live": "a/c"}, False),  # one more was promised nothing
        ({}, {"land": "a/a"}, True),  # until now nobody read
        ({"land": "/"}, {"land": "/"}, False),  # nobody labels them
    ],
)
def test_who_has_missed_something(before: dict, now: dict, missed: bool) -> None:
    assert has_missed(before, now) is missed
    assert not has_missed(merged(before, now), now)


def test_a_bus_that_comes_back_empty_gets_everything_again_once(journal: Journal, tmp_path: Path) -> None:
    remote = Remote()
    bus, looks = JournaledBus(remote, journal), watch(remote, journal, tmp_path)
    sent = [b"%02d" % n for n in range(10)]
    for message in sent:
        bus.publish(TOPIC, [message])
    looks.look(TOPIC)
    assert remote.messages == sent
    remote.comes_back_empty()
    looks.look(TOPIC)
    assert remote.messages == [], "nobody is there to get it"
    remote.comes_back_empty(land="b/b")
    looks.look(TOPIC)
    looks.look(TOPIC)
    assert remote.messages == sent


def test_it_is_noticed_by_the_next_process_and_after_a_failure(journal: Journal, tmp_path: Path) -> None:
    remote = Remote()
    JournaledBus(remote, journal).publish(TOPIC, [b"x"])
    remote.comes_back_empty(land="b/b")
    remote.is_away = True
    with pytest.raises(NotDurableError):
        watch(remote, journal, tmp_path).look(TOPIC)
    remote.is_away = False
    thread = watch(remote, Journal(tmp_path / "journal", HOUR, 80_000), tmp_path)
    thread.start()
    until = time.monotonic() + 20
    while remote.messages != [b"x"]:
        assert time.monotonic() < until
        time.sleep(0.01)
    thread.close()
    assert remote.messages == [b"x"]


def test_a_journal_that_cannot_be_written_holds_nothing_up(tmp_path: Path) -> None:
    remote = Remote()
    journal = Journal(tmp_path / "journal", HOUR, 80_000)
    bus = JournaledBus(remote, journal)
    bus.publish(TOPIC, [b"first"])
    journal.close()
    for path in (tmp_path / "journal" / TOPIC).iterdir():
        path.unlink()
    (tmp_path / "journal" / TOPIC).rmdir()
    (tmp_path / "journal" / TOPIC).write_text("in the way")
    bus.publish(TOPIC, [b"second"])
    assert remote.messages == [b"first", b"second"]
