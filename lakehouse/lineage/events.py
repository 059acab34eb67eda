"""OpenLineage run events, and where they go: a line each in <home>/lineage/models.jsonl, or the endpoint of the settings.

An event is a plain document of the specification (2-0-2), so that nothing needs to be imported to make one. Lineage tells of
a run that is over: an endpoint that does not answer is a line in the log, and fails nobody.
"""

import json
import urllib.request
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from lakehouse.lineage import NAMESPACE
from lakehouse.log import get_log
from lakehouse.places import Home
from lakehouse.settings import Settings

PRODUCER = "urn:megacity:lakehouse"
_RUN_EVENT = "https://openlineage.io/spec/2-0-2/OpenLineage.json#/$defs/RunEvent"
_FACETS = "https://openlineage.io/spec/facets"
_TIMEOUT_S = 5.0
_log = get_log(__name__)


def run_event(state: str, at: datetime, job: str, run_key: str, reads: Sequence[dict], writes: Sequence[dict], parent: str | None) -> dict:
    """`state`: COMPLETE or FAIL. The same `run_key` always gives the same run. `parent`: namespace/job/run, as Airflow says it."""
    facets = {}
    if parent and parent.count("/") >= 2:
        namespace, rest = parent.split("/", 1)
        name, run = rest.rsplit("/", 1)
        facets["parent"] = facet("1-1-0/ParentRunFacet.json", run={"runId": run}, job={"namespace": namespace, "name": name})
    return {
        "eventType": state,
        "eventTime": at.isoformat(),
        "run": {"runId": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{NAMESPACE}/{job}/{run_key}")), "facets": facets},
        "job": {"namespace": NAMESPACE, "name": job, "facets": {}},
        "inputs": list(reads),
        "outputs": list(writes),
        "producer": PRODUCER,
        "schemaURL": _RUN_EVENT,
    }


def facet(kind: str, **values: object) -> dict:
    """`kind`: version and file of the facet's own schema."""
    return {"_producer": PRODUCER, "_schemaURL": f"{_FACETS}/{kind}#/$defs/{kind.split('/')[1].removesuffix('.json')}"} | values


def emit(settings: Settings, events: Iterable[dict]) -> None:
    if settings.lineage_url:
        _post(f"{settings.lineage_url.rstrip('/')}/api/v1/lineage", list(events))
        return
    folder = Home(settings.home).lineage
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "models.jsonl").open("a", encoding="utf-8") as file:
        file.write("".join(f"{json.dumps(event)}\n" for event in events))


def _post(url: str, events: Sequence[dict]) -> None:
    for number, event in enumerate(events):
        request = urllib.request.Request(url, json.dumps(event).encode(), {"Content-Type": "application/json"})
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
                continue
        except (OSError, ValueError) as error:
            _log.warning("lineage_not_sent", events=len(events) - number, error=error, hint="is LAKEHOUSE_LINEAGE_URL right?")
            return
