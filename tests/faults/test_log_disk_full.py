"""A disk that is full: a clear no, nothing half-kept, and business as usual once there is room again.

The disk is a real file system of 3 MB, mounted in a namespace of the process's own, where the kernel allows that.
"""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

ON_A_SMALL_DISK = """
import json, resource, sys
from pathlib import Path
from lakehouse.errors import NotDurableError
from lakehouse.storage.local import LocalBus, LocalFiles
root = Path(sys.argv[1])
bus, files, kept, refused, number = LocalBus(root / "bus"), LocalFiles(root / "lake"), [], 0, 0

def publish():
    global number, refused
    number += 1
    data = b"%06d" % number * 10_000
    try:
        bus.publish("exam.events", [b"%06d" % number, data])
        kept.append(number)
    except NotDurableError as error:
        assert error.exit_code == 13 and "df -h" in error.hint
        refused += 1

"""

FULL_AND_FREE_AGAIN = (
    ON_A_SMALL_DISK
    + """
files.put("marker", b"old")
publish(); publish()
ballast = root / "ballast"
with ballast.open("wb", buffering=0) as file:
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
for _ in range(5):
    publish()
assert refused == 5, refused
try:
    files.put("marker", b"new" * 2000)
    raise SystemExit("a full disk took a file")
except NotDurableError:
    assert files.get("marker") == b"old" and files.list("") == ["marker"]
ballast.unlink()
for _ in range(3):
    publish()
files.put("marker", b"new" * 2000)
messages = bus.pull("exam.events", "land", 100, 0.0)
got = [int(m.data[:6]) for m in messages]

with ballast.open("wb", buffering=0) as file:  # full again: an acknowledgement cannot be written either
    try:
        while True:
            file.write(bytes(4096))
    except OSError:
        pass
try:
    bus.ack("exam.events", "land", messages)
    acknowledged = True
except NotDurableError:
    acknowledged = False
ballast.unlink()
bus.close()
bus = LocalBus(root / "bus")
again = bus.pull("exam.events", "land", 100, 0.0)
bus.ack("exam.events", "land", again)
bus.close()
left = LocalBus(root / "bus").pull("exam.events", "land", 100, 0.0)
print(json.dumps({"kept": kept, "got": got, "sizes": sorted({len(m.data) for m in messages}), "acknowledged": acknowledged,
                  "again": [int(m.data[:6]) for m in again], "left": len(left)}))
"""
)

FILES_MAY_NOT_GROW = (
    ON_A_SMALL_DISK
    + """
resource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))
for _ in range(9):
    publish()
print(json.dumps({"kept": kept, "refused": refused, "got": [int(m.data[:6]) for m in bus.pull("exam.events", "land", 100, 0.0)],
                  "largest": max(p.stat().st_size for p in root.rglob("*.seg"))}))
"""
)


def run(code: str, folder: Path, *before: str) -> dict:
    command = [*before, sys.executable, "-c", code, str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=550)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def small_disk(folder: Path) -> list[str]:
    unshare = [shutil.which("unshare") or "unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    mount = 'mount -t tmpfs -o size=3m tmpfs "$1" && shift && exec "$@"'
    try:
        subprocess.run([*unshare, 'mount -t tmpfs tmpfs "$0"', str(folder)], check=True, capture_output=True)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no user namespaces here, so no disk of our own to fill: {type(error).__name__}")
    return [*unshare, mount, "sh", str(folder)]


def _missing(kept: list[int], there: list[int]) -> dict[str, int]:
    """Lost and doubled."""
    return {"lost": (Counter(kept) - Counter(there)).total(), "doubled": (Counter(there) - Counter(kept)).total()}


def test_full_and_free_again(tmp_path, fault):
    found = run(FULL_AND_FREE_AGAIN, tmp_path, *small_disk(tmp_path))
    assert found["kept"] == [1, 2, 8, 9, 10]
    twice = [n for n in found["kept"] for _ in (1, 2)]  # each publish was of two messages
    assert found["got"] == twice  # whole and in order, and of what was refused nothing
    assert found["sizes"] == [6, 60_000]
    assert found["acknowledged"] is False
    assert found["again"] == twice
    assert found["left"] == 0
    fault("disk full under the log, and freed", rounds=1, sent=len(twice), **_missing(twice, found["again"]))


def test_a_write_cut_short_leaves_nothing_behind(tmp_path, fault):
    found = run(FILES_MAY_NOT_GROW, tmp_path)
    assert found["refused"] >= 2
    assert found["got"] == [n for n in found["kept"] for _ in (1, 2)]
    assert found["largest"] <= 150_000
    kept = [n for n in found["kept"] for _ in (1, 2)]
    fault("a write of the log cut short", rounds=found["refused"], sent=len(kept), **_missing(kept, found["got"]))
