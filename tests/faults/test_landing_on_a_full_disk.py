"""A disk that fills up while land works: exit 13, nothing acknowledged; and once there is room, everything is landed.

The disk is a real file system of a few MB, mounted in a namespace of the process's own, where the kernel allows that.
"""

import sys

from tests.faults.test_log_disk_full import run, small_disk

ON_A_SMALL_DISK = """
import json, os, subprocess, sys
from datetime import UTC, datetime
from pathlib import Path
from lakehouse.door import Door
from lakehouse.contracts import registry
from lakehouse.envelope import pack
from lakehouse.storage.local import LocalBus

home, LEFT = Path(sys.argv[1]), [0, 4096, 65536, 300_000]
door, now = Door(registry(), "test"), datetime.now(UTC)

def event(number):
    payload = {"event_type": "response_given", "occurred_at": now.isoformat(), "user_id": f"student-{number % 50}", "attempt_id": "a", "exam_id": "e",
               "item_id": "i", "response_index": 1, "is_correct": True, "response_time_ms": 1, "answer_text": os.urandom(400).hex()}
    body = {"event_id": f"event-{number:06d}", "contract": "exam.events", "payload": payload}
    return door.admit(json.dumps(body).encode(), "univprep", now).line

def waiting():
    bus = LocalBus(home / "bus")
    found = len(bus.pull("exam.events", "land", 10_000, 0))
    bus.close()
    return found

def land():
    done = subprocess.run([LAKEHOUSE, "land", "--json"], env={**os.environ, "LAKEHOUSE_HOME": str(home)}, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr

bus = LocalBus(home / "bus")
for start in range(0, 1000, 50):
    bus.publish("exam.events", pack([event(n) for n in range(start, start + 50)]))
bus.close()
published, refused = waiting(), []
for left in LEFT:
    with (home / "ballast").open("wb", buffering=0) as ballast:
        try:
            while True:
                ballast.write(bytes(65536))
        except OSError:
            pass
        try:
            while True:
                ballast.write(bytes(512))
        except OSError:
            pass
        ballast.truncate(ballast.tell() - left)
    code, _, said = land()
    refused.append((code, "df -h" in said, "Traceback" in said, said[-2000:]))
    (home / "ballast").unlink()
    assert waiting() == published, "a message was acknowledged that is not landed"
code, out, said = land()
assert code == 0, said
print(json.dumps({"refused": refused, "landed": json.loads(out)["landed"]["exam.events"]["landed"], "waiting": waiting(), "published": published}))
"""


def test_full_in_the_middle_of_landing_and_free_again(tmp_path, fault) -> None:
    lakehouse = f"LAKEHOUSE = {str(sys.executable).rpartition('/')[0] + '/lakehouse'!r}\n"
    found = run(lakehouse + ON_A_SMALL_DISK, tmp_path, *small_disk(tmp_path))
    for code, says_what_to_do, is_unexplained, said in found["refused"]:
        assert (code, says_what_to_do, is_unexplained) == (13, True, False), said
    assert found["published"] > 0
    assert (found["landed"], found["waiting"]) == (1000, 0)
    lost, doubled = max(0, 1000 - found["landed"]), max(0, found["landed"] - 1000)
    fault("disk full while landing, and freed", rounds=len(found["refused"]), sent=1000, lost=lost, doubled=doubled)
