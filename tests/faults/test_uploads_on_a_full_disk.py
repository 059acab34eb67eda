"""A disk that fills up while a media object is received: 507, nothing half-kept, and business as usual once there is room.

The disk is a real file system of a few MB, mounted in a namespace of the process's own, where the kernel allows that.
"""

from pathlib import Path

from tests.faults.test_log_disk_full import run, small_disk

ON_A_SMALL_DISK = """
import json, os, sys
from pathlib import Path
home = Path(sys.argv[1])
os.environ["LAKEHOUSE_HOME"] = str(home)
from tests.media.uploading import Collector, all_records, left_over, read_back, tone

def fill(left):
    with (home / "ballast").open("wb", buffering=0) as ballast:
        for size in (65536, 512):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                pass
        ballast.truncate(ballast.tell() - left)

collector, answers = Collector(home), []
clips = {f"clip-{n:04d}": tone(300_000, seed=n) for n in range(5)}
answers.append(collector.put("clip-0000", clips["clip-0000"]).status_code)
for n, left in enumerate((0, 8192, 150_000), start=1):
    fill(left)
    answer = collector.put(f"clip-{n:04d}", clips[f"clip-{n:04d}"])
    answers.append(answer.status_code)
    assert answer.headers["retry-after"], answer.headers
    assert left_over(home) == [] and len(all_records()) == 1, left_over(home)
    (home / "ballast").unlink()
for media_id, data in clips.items():
    answers.append(collector.put(media_id, data).status_code)
collector.close()
good = sum(read_back(media_id) == data for media_id, data in clips.items())
print(json.dumps({"answers": answers, "sent": len(clips), "good": good, "records": len(all_records())}))
"""


def test_full_in_the_middle_of_an_upload_and_free_again(root: Path, tmp_path: Path, monkeypatch, fault) -> None:
    monkeypatch.chdir(root)
    found = run(ON_A_SMALL_DISK, tmp_path, *small_disk(tmp_path))
    assert found["answers"] == [201, 507, 507, 507, 200, 201, 201, 201, 201]
    fault(
        "disk full in mid-upload",
        rounds=3,
        sent=found["sent"],
        lost=found["sent"] - found["good"],
        doubled=found["records"] - found["sent"],
    )
