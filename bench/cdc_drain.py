"""One drain, in a process of its own: `python -m bench.cdc_drain ours|alone ROWS` with LAKEHOUSE_* set; prints seconds, and memory at 1x and 10x the changes.

    ours    engine ─▶ translation ─▶ durable bus, ledger          alone   engine ─▶ a consumer that only counts

Both cross from Java the same way and confirm the same batches; timed from the first batch's arrival to the end of the last.
"""

import json
import os
import sys
import threading
import time

import psutil

from collectors.cdc import child
from lakehouse.settings import settings
from lakehouse.storage.open import open_bus

_LIMIT_S = 900
_ROW = b'"source":{'


def main(mode: str, rows: int) -> None:
    bus = open_bus(settings())
    finished = threading.Event()
    began, seen, rss = 0.0, 0, []
    memory = psutil.Process().memory_info

    def around(publish):
        def timed(lines, position):
            nonlocal began, seen
            count = sum(_ROW in line for line in lines)
            began = began or (time.monotonic() if count else 0.0)
            confirmed = publish(lines, position) if mode == "ours" else len(lines)
            seen += count
            if not rss and seen >= rows / 10:
                rss.append(memory().rss)
            if seen >= rows and not finished.is_set():
                print(json.dumps({"seconds": time.monotonic() - began, "rows": seen, "rss": [*rss, memory().rss]}), flush=True)
                finished.set()
            return confirmed

        return timed

    engine = child.engine_of(settings(), bus, around)
    thread = threading.Thread(target=engine.run, daemon=True)
    thread.start()
    finished.wait(_LIMIT_S)
    os._exit(0 if finished.is_set() else 1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
