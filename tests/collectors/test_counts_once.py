"""An event counts once in clean, however often, in whatever form and through whichever collector it was sent."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.parse import quote

import pytest
import zstandard
from deltalake import DeltaTable
from sample_events import started, text

from lakehouse.contracts import registry
from lakehouse.places import Home, clean_table
from tests.collectors.conftest import Running, arrived

pytestmark = pytest.mark.slow(40)

LAKEHOUSE = Path(sys.executable).parent / "lakehouse"
EVENTS, TIMES = 12, 3


def forms(event: dict) -> list[tuple[bytes, dict[str, str]]]:
    """Body and headers of the same event, in every form that is taken."""
    attributes = {"specversion": "1.0", "id": event["event_id"], "source": "/test", "type": event["contract"], "orgid": event["org_id"]}
    whole = attributes | {"data": event["payload"]}
    binary = {f"ce-{name}": quote(str(value), safe="") for name, value in attributes.items()}
    return [
        (text(event), {}),
        (json.dumps(event).encode(), {}),
        (zstandard.compress(text(event, event)), {"content-encoding": "zstd"}),
        (json.dumps(event["payload"]).encode(), binary),
        (json.dumps(whole).encode(), {"content-type": "application/cloudevents+json"}),
        (json.dumps([whole, whole]).encode(), {"content-type": "application/cloudevents-batch+json"}),
    ]


def command(*arguments: str) -> None:
    done = subprocess.run([LAKEHOUSE, *arguments], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr


def ids_in_clean(home: Path) -> Counter[str]:
    contract = registry().get("exam.events")
    table = DeltaTable(str(Home(home).lake / clean_table(contract.domain, contract.table)))
    return Counter(table.to_pyarrow_table(columns=["event_id"])["event_id"].to_pylist())


@pytest.mark.timeout(900)
def test_an_event_counts_once(collector: Callable[..., Running], home: Path) -> None:
    collectors = [collector(), collector()]
    events = [started(item_count=n) for n in range(EVENTS)]
    sent = [(one, *form) for one in collectors for event in events for form in forms(event)] * TIMES
    with ThreadPoolExecutor(8) as threads:
        statuses = Counter(threads.map(lambda s: s[0].client.post("/v1/events", content=s[1], headers=s[2]).status_code, sent))
    assert statuses == {202: len(sent)}
    assert set(arrived(home).values()) == {2 * TIMES * 8}  # six forms, of which two carry it twice
    command("land")
    command("refine")
    assert ids_in_clean(home) == Counter(e["event_id"] for e in events)
