"""The collector, killed with SIGKILL while it receives media objects: what it confirmed is there, what it did not can be sent again."""

import random
import threading
import time
from pathlib import Path

import httpx

from lakehouse.errors import LakehouseError
from lakehouse.media.checking import uncommitted
from lakehouse.settings import settings
from lakehouse.storage.open import open_files
from tests.media.uploading import Collector, all_records, left_over, read_back, tone

CLIENTS, EACH = 4, 3


def test_killed_in_mid_upload(home: Path, fault, rounds: int) -> None:
    chance = random.Random(7)
    clips = {
        f"round-{n:03d}-{c}-{e}": tone(60_000 + 90_000 * e, seed=n * 100 + c * 10 + e)
        for n in range(rounds)
        for c in range(CLIENTS)
        for e in range(EACH)
    }
    confirmed: set[str] = set()
    collector = Collector(home)
    for number in range(rounds):
        struck = threading.Thread(target=_strike, args=(collector, chance.uniform(0.0, 0.08)))
        clients = [threading.Thread(target=_send, args=(collector, number, client, clips, confirmed)) for client in range(CLIENTS)]
        for thread in (*clients, struck):
            thread.start()
        for thread in (*clients, struck):
            thread.join()
        collector.client.close()
        assert not _unreadable(confirmed, clips), "a clip was confirmed, and is not there"
        collector = Collector(home)
    for media_id, data in clips.items():
        assert collector.put(media_id, data).status_code in (200, 201)
    collector.process.kill()
    collector.close()
    files = open_files(settings())
    assert not [path for path in left_over(home) if ".tmp-drafts" in path], "a half-written upload outlived the next start"
    for path in uncommitted(files, "kzone"):
        files.delete(path)
    assert left_over(home) == []
    lost, records = _unreadable(clips.keys(), clips), all_records()
    fault(
        "kill -9 of the collector in mid-upload",
        rounds=rounds,
        sent=len(clips),
        lost=len(lost),
        doubled=len(records) - len({r.media_pid for r in records}),
    )
    assert len(records) == len(clips)


def _strike(collector: Collector, after_s: float) -> None:
    time.sleep(after_s)
    collector.process.kill()
    collector.process.wait()


def _send(collector: Collector, number: int, client: int, clips: dict[str, bytes], confirmed: set[str]) -> None:
    for each in range(EACH):
        media_id = f"round-{number:03d}-{client}-{each}"
        try:
            if collector.put(media_id, clips[media_id]).status_code == 201:
                confirmed.add(media_id)
        except httpx.TransportError:
            return  # struck: whoever sent it still has it


def _unreadable(media_ids, clips: dict[str, bytes]) -> list[str]:
    bad = []
    for media_id in media_ids:
        try:
            if read_back(media_id) != clips[media_id]:
                bad.append(media_id)
        except (LakehouseError, FileNotFoundError):
            bad.append(media_id)
    return bad
