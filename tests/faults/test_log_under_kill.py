"""kill -9 of writers and of the reader, over and over: what was acknowledged is there, and nothing torn is.

3 writers ─▶ publish ─▶ "acknowledged 17" on their stdout      kill -9 at a random moment, then the next three
1 reader  ─▶ pull ─▶ "got …" ─▶ ack                            kill -9 at a random moment, then the next one
"""

import hashlib
import random
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from lakehouse.storage.local import LocalBus

TOPIC = "exam.events"

# A record names itself and carries its own digest. Sizes from a few bytes to many pages: a kill tears the large ones.
WRITER = """
import hashlib, random, sys
from pathlib import Path
from lakehouse.storage.local import LocalBus
root, name, seed = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
bus, rng, number = LocalBus(root, segment_bytes=20_000_000), random.Random(seed), 0
def record():
    global number
    number += 1
    body = b"%s:%d:" % (name.encode(), number) + rng.randbytes(rng.choice((3, 500, 50_000, 4_000_000)))
    return number, hashlib.md5(body).digest() + body
while True:
    group = [record() for _ in range(rng.choice((1, 1, 3)))]
    print("sending", *(n for n, _ in group), flush=True)
    bus.publish("exam.events", [data for _, data in group])
    print("acknowledged", *(n for n, _ in group), flush=True)
"""

READER = """
import sys
from pathlib import Path
from lakehouse.storage.local import LocalBus
bus = LocalBus(Path(sys.argv[1]))
while True:
    messages = bus.pull("exam.events", "land", 7, 1.0)
    for m in messages:
        print("got", m.data[16:].split(b":", 2)[0].decode(), m.data[16:].split(b":", 2)[1].decode(), flush=True)
    bus.ack("exam.events", "land", messages)
    bus.trim("exam.events")
"""


class Writer:
    def __init__(self, root: Path, name: str, seed: int) -> None:
        self.name, self.acknowledged, self.sent = name, set(), set()
        self.process = subprocess.Popen([sys.executable, "-c", WRITER, str(root), name, str(seed)], stdout=subprocess.PIPE, text=True)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        for line in self.process.stdout:
            if line.endswith("\n"):
                what, *numbers = line.split()
                (self.acknowledged if what == "acknowledged" else self.sent).update((self.name, int(n)) for n in numbers)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()
        self._listener.join()


def sound(message) -> tuple[str, int]:
    """Who wrote it and its number. Fails for a record that is not what was written."""
    digest, body = message.data[:16], message.data[16:]
    assert hashlib.md5(body).digest() == digest, f"torn or damaged record delivered at {message.id}"
    name, number, _ = body.split(b":", 2)
    return name.decode(), int(number)


@pytest.mark.timeout(1800)
def test_killed_writers_lose_nothing_acknowledged_and_leave_nothing_torn(tmp_path, rounds, fault):
    rng, writers, got = random.Random(rounds), [], []
    reader = LocalBus(tmp_path)  # reads all the while, so that it meets records in the making
    for turn in range(rounds):
        current = [Writer(tmp_path, f"w{turn}-{n}", seed=turn * 10 + n) for n in range(3)]
        writers += current
        until = None
        while until is None or time.monotonic() < until:
            messages = reader.pull(TOPIC, "land", 50, 0.02)
            got += [sound(m) for m in messages]
            reader.ack(TOPIC, "land", messages)
            reader.trim(TOPIC)
            if until is None and all(w.acknowledged for w in current):
                until = time.monotonic() + rng.uniform(0.05, 0.5)
        for writer in current:
            writer.kill()
    while messages := reader.pull(TOPIC, "land", 50, 0.2):
        got += [sound(m) for m in messages]
        reader.ack(TOPIC, "land", messages)
    acknowledged = set().union(*(w.acknowledged for w in writers))
    sent = set().union(*(w.sent for w in writers))
    assert len(acknowledged) >= 3 * rounds
    assert set(got) - sent == set()  # nothing invented; and a reader that was not killed sees each once
    lost, doubled = len(acknowledged - set(got)), len(got) - len(set(got))
    fault("kill -9 of the log's writers", rounds=rounds, sent=len(acknowledged), lost=lost, doubled=doubled)
    assert reader.damaged_bytes(TOPIC, "land") == 0
    reader.trim(TOPIC)
    assert list((tmp_path / TOPIC).glob("*.seg")) == []  # torn ends hold nothing up
    reader.close()


@pytest.mark.timeout(1800)
def test_a_killed_reader_misses_nothing(tmp_path, rounds, fault):
    rng, got, bus = random.Random(rounds), set(), LocalBus(tmp_path, segment_bytes=30_000)
    published, stop = set(), threading.Event()

    def publish() -> None:
        number = 0
        while not stop.is_set():
            number += 1
            bus.publish(TOPIC, [b"0" * 16 + b"w:%d:" % number + b"x" * 1000])
            published.add(number)
            time.sleep(0.001)

    writer = threading.Thread(target=publish)
    writer.start()
    for _ in range(rounds):
        output = tmp_path / "reader.txt"
        with output.open("wb") as file:
            process = subprocess.Popen([sys.executable, "-c", READER, str(tmp_path)], stdout=file)
        while not output.stat().st_size and process.poll() is None:
            time.sleep(0.02)
        time.sleep(rng.uniform(0.02, 0.3))
        process.kill()
        process.wait()
        got |= {int(line.split()[2]) for line in output.read_text().splitlines(keepends=True) if line.endswith("\n")}
    stop.set()
    writer.join()
    rest = LocalBus(tmp_path)
    left = [int(m.data[16:].split(b":")[1]) for m in rest.pull(TOPIC, "land", 1_000_000, 0.0)]
    rest.close()
    bus.close()
    assert len(got) > rounds
    assert got | set(left) <= published
    lost, doubled = len(published - got - set(left)), len(left) - len(set(left))
    fault("kill -9 of the log's reader", rounds=rounds, sent=len(published), lost=lost, doubled=doubled)
