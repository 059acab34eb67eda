"""The lineage of a build, model by model, from dbt's own records of it.

manifest.json     ─▶ what each model reads, its columns  ┐
run_results.json  ─▶ when it ended, and how; its SQL     ┴▶ an event a model
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from lakehouse.lineage import NAMESPACE
from lakehouse.lineage.columns import ColumnLineage, Found
from lakehouse.lineage.events import facet, run_event

_STATES = {"success": "COMPLETE", "error": "FAIL"}


def model_events(target: Path, rows: Mapping[str, int], parent: str | None, looked_into: ColumnLineage | None = None) -> Iterator[dict]:
    """Nothing where dbt did not come so far. `rows`: table → how many it has now. `looked_into`: whoever knows where columns
    come from."""
    try:
        manifest, said = (json.loads((target / f"{name}.json").read_text(encoding="utf-8")) for name in ("manifest", "run_results"))
    except (FileNotFoundError, json.JSONDecodeError):
        return
    nodes = manifest["nodes"] | manifest["sources"]
    for result in said["results"]:
        state, node = _STATES.get(result["status"]), nodes.get(result["unique_id"])
        if state is None or node is None or node["resource_type"] not in ("model", "seed"):
            continue
        reads = [_dataset(nodes[name]) for name in node["depends_on"].get("nodes", ()) if name in nodes]
        facets = {"schema": facet("1-1-1/SchemaDatasetFacet.json", fields=_columns(node))}
        if looked_into and result.get("compiled_code"):
            found = looked_into.of(result["compiled_code"], [read["name"] for read in reads])
            facets["columnLineage"] = facet("1-2-0/ColumnLineageDatasetFacet.json", fields=_from(found))
        written = _dataset(node) | {"facets": facets}
        if state == "COMPLETE" and node["name"] in rows:
            statistics = facet("1-0-2/OutputStatisticsOutputDatasetFacet.json", rowCount=rows[node["name"]])
            written["outputFacets"] = {"outputStatistics": statistics}
        yield run_event(state, _ended(result), f"dbt.{node['name']}", said["metadata"]["invocation_id"], reads, [written], parent)


def _dataset(node: dict) -> dict:
    return {"namespace": NAMESPACE, "name": f"{node['schema']}.{node.get('identifier') or node['name']}"}


def _from(found: Found) -> dict[str, dict]:
    return {
        column: {"inputFields": [{"namespace": NAMESPACE, "name": n, "field": f} for n, f in sources]} for column, sources in found.items()
    }


def _columns(node: dict) -> list[dict]:
    """As far as dbt knows them; the contract's descriptions are dbt's too."""
    told = ({"name": c["name"], "type": c.get("data_type"), "description": c.get("description")} for c in node["columns"].values())
    return [{name: value for name, value in column.items() if value} for column in told]


def _ended(result: dict) -> datetime:
    ended = [part["completed_at"] for part in result["timing"] if part.get("completed_at")]
    return datetime.fromisoformat(ended[-1]) if ended else datetime.now(UTC)
