"""Files on this disk: what a killed put() leaves behind is never taken for a file."""

import signal
import subprocess
import sys
import time

from lakehouse.storage.local import LocalFiles

PUT_FOR_EVER = """
import sys
from pathlib import Path
from lakehouse.storage.local import LocalFiles
files = LocalFiles(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    for fill in (b"a", b"b"):
        files.put("exams/raw/part", fill * 3_000_000)
"""


def test_a_killed_put_leaves_the_old_file_or_the_new_one(tmp_path):
    for delay in (0.005, 0.013, 0.031, 0.052):
        process = subprocess.Popen([sys.executable, "-c", PUT_FOR_EVER, str(tmp_path)], stdout=subprocess.PIPE)
        assert process.stdout.readline() == b"ready\n"
        while not (tmp_path / "exams/raw/part").exists():
            time.sleep(0.001)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        process.wait()
        files = LocalFiles(tmp_path)
        assert files.get("exams/raw/part") in (b"a" * 3_000_000, b"b" * 3_000_000)
        assert files.list("") == ["exams/raw/part"]


def test_a_draft_is_never_listed(tmp_path):
    files = LocalFiles(tmp_path)
    files.put("exams/a", b"x")
    (tmp_path / "exams" / ".tmp-0123456789abcdef").write_bytes(b"half")
    assert files.list("") == files.list("exams/") == ["exams/a"]
