"""Subscribers get a snapshot, and then what changes, within about a second; and limits hold."""

import json
from pathlib import Path
from random import Random

import httpx
import redis

from lakehouse.settings import Settings
from lakehouse.storage.open import open_vault
from tests.live import town as t
from tests.live.processes import Subscriber, running


def seen(rows: list[dict]) -> list[dict]:
    """Rows as they come over the wire."""
    return json.loads(json.dumps(rows, default=lambda at: at.isoformat().replace("+00:00", "Z")))


def of_tenant(rows: list[dict], zone_id: str, org_id: int) -> list[dict]:
    return [row for row in seen(rows) if (row["zone_id"], row["org_id"]) == (zone_id, org_id)]


def ordered(rows) -> list[dict]:
    return sorted(rows, key=lambda row: json.dumps(row, sort_keys=True))


def test_a_snapshot_and_then_deltas_make_the_recount(town: Path, client: redis.Redis) -> None:
    events = t.sittings(Random(2), 300)
    first, rest = events[:150], events[150:]
    t.publish(town, first)
    with running(town, "live", "count"), running(town, "live", "serve", "--port", "0") as server:
        watcher = Subscriber(server.socket_address)
        exam = events[0]["payload"]["exam_id"]
        watcher.subscribe("exam_minutes", zone_id="univprep", org_id=1)
        for view in ("exam_items", "exam_skills", "exam_sittings", "exam_overview"):
            watcher.subscribe(view, zone_id="univprep", org_id=1, exam_id=exam)
        t.publish(town, rest)
        right = t.expected(events, open_vault(Settings(home=town)))

        def is_right() -> bool:
            minutes = of_tenant(right["live.exam_minutes"], "univprep", 1)
            views = {
                v: [r for r in of_tenant(right[f"live.{v}"], "univprep", 1) if r["exam_id"] == exam]
                for v in watcher.rows
                if v != "exam_minutes"
            }
            return all(ordered(watcher.rows[v].values()) == ordered(rows) for v, rows in (views | {"exam_minutes": minutes}).items())

        watcher.settle(is_right)
        answer = httpx.get(f"{server.told['address']}/v1/live/exam_minutes?zone_id=univprep&org_id=1").json()
        assert ordered(answer["rows"]) == ordered(of_tenant(right["live.exam_minutes"], "univprep", 1))
        assert answer["state"] == "complete"
        assert httpx.get(f"{server.told['address']}/readyz").status_code == 200
        assert b"live_connections 1.0" in httpx.get(f"{server.told['address']}/metrics").content
        assert server.stop() == 0
        assert watcher.closed_with() == 1012
