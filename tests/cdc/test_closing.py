"""An engine that is told to end does so, at whatever stage of its start that is."""

import subprocess
import sys
from pathlib import Path

# Nothing listens on port 1, so that each engine goes through its stages quickly and then ends by itself.
PROGRAM = """
import sys, threading, time
from pathlib import Path
from collectors.cdc import engine, jvm

jvm.start(Path(sys.argv[1]), level="off")
nowhere = {"database.hostname": "127.0.0.1", "database.port": "1", "database.user": "u", "database.password": "p", "database.dbname": "d"}
properties = engine.properties(nowhere, "slot", "publication", ["public.users"], Path(sys.argv[1]) / "offsets", 1_000, 64, "unchanged")
failed, left = [], 0
threading.excepthook = lambda told: failed.append(told.exc_type.__name__)
for turn in range(80):
    one = engine.Engine(properties, lambda lines, position: len(lines), lambda: None)
    def run(one=one):
        try:
            one.run()
        except RuntimeError:
            pass  # it could not connect
        except Exception:
            if not one.is_closed:  # closing interrupts a start, in which no record is yet
                raise
    threads = [threading.Thread(target=run, daemon=True), threading.Thread(target=one.close, daemon=True)]
    threads[0].start()
    time.sleep(turn % 20 * 0.0005)
    threads[1].start()
    for thread in threads:
        thread.join(20)
        left += thread.is_alive()
print(len(failed), left, set(failed), flush=True)
import os; os._exit(0)
"""


def test_at_any_stage_of_its_start(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.stdout.split()[:2] == ["0", "0"], done.stdout + done.stderr[-2_000:]
