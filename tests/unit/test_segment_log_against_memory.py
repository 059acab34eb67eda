"""Any order of publishing, reading, acknowledging, restarting, tearing and trimming: the log answers as memory does.

The one freedom it has: what was acknowledged behind something that was not may come once more after a restart.
"""

import tempfile
from pathlib import Path

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule

from lakehouse.storage.local import LocalBus
from lakehouse.storage.memory import MemoryBus

TOPIC = "exam.events"


class LogAgainstMemory(RuleBasedStateMachine):
    waiting = Bundle("waiting")  # names of messages that were delivered, and perhaps not acknowledged

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name)
        self.memory, self.log = MemoryBus(), self._open()
        self.writers = [self._open(), self._open()]
        self.count = 0
        self.acked: set[bytes] = set()
        self.acked_since_restart: set[bytes] = set()
        self.settled: set[bytes] = set()  # acknowledged, with nothing unacknowledged before it
        self.delivered: dict[bytes, tuple] = {}

    def _open(self) -> LocalBus:
        return LocalBus(self.root, segment_bytes=300)

    @rule(writer=st.integers(0, 1), sizes=st.lists(st.integers(0, 200), min_size=1, max_size=4))
    def publish(self, writer: int, sizes: list[int]) -> None:
        messages = []
        for size in sizes:
            self.count += 1
            messages.append(b"%d:" % self.count + b"x" * size)
        self.memory.publish(TOPIC, messages)
        self.writers[writer].publish(TOPIC, messages)

    @rule(target=waiting)
    def pull(self):
        expected = {m.data: m for m in self.memory.pull(TOPIC, "land", 10_000, 0.0)}
        got = self.log.pull(TOPIC, "land", 10_000, 0.0)
        found = {m.data: m for m in got}
        assert len(got) == len(found)
        assert set(expected) <= set(found)
        assert set(found) - set(expected) <= self.acked - self.acked_since_restart - self.settled
        for data, message in found.items():
            self.delivered[data] = (expected.get(data), message)
        return multiple(*found)

    @rule(names=st.sets(waiting, max_size=5))
    def ack(self, names: set[bytes]) -> None:
        known = [self.delivered[n] for n in names if n in self.delivered]
        self.memory.ack(TOPIC, "land", [m for m, _ in known if m])
        self.log.ack(TOPIC, "land", [m for _, m in known])
        done = {m.data for _, m in known}
        self.acked |= done
        self.acked_since_restart |= done
        if set(self.delivered) <= self.acked:
            self.settled |= self.acked_since_restart

    @rule()
    def restart_the_reader(self) -> None:
        self.memory.close()
        self.log.close()
        self.memory, self.log = MemoryBus(self.memory.kept), self._open()
        self.acked_since_restart, self.delivered = set(), {}

    @rule(writer=st.integers(0, 1), half=st.binary(min_size=1, max_size=40), magic=st.booleans())
    def kill_a_writer_in_mid_record(self, writer: int, half: bytes, magic: bool) -> None:
        self.writers[writer].publish(TOPIC, [(b"%d:" % (self.count + 1))])
        self.count += 1
        self.memory.publish(TOPIC, [b"%d:" % self.count])
        newest = max((self.root / TOPIC).glob("*.seg"))
        self.writers[writer].close()
        if newest.exists():
            with newest.open("ab") as file:
                file.write((b"MCL1" if magic else b"") + half)
        self.writers[writer] = self._open()

    @rule()
    def trim(self) -> None:
        self.log.trim(TOPIC)

    @invariant()
    def nothing_is_damaged(self) -> None:
        if (self.root / TOPIC).exists():
            assert self.log.damaged_bytes(TOPIC, "land") == 0

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.restart_the_reader()
            self.pull()
            for bus in (self.log, *self.writers):
                bus.close()
            self.folder.cleanup()


TestLogAgainstMemory = LogAgainstMemory.TestCase
TestLogAgainstMemory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
