"""Which datasets a dataset is made from, and what is made from it: read out of dbt's SQL, with what lies between them left out.

clean.voice_events ─▶ stg_voice_events ─▶ int_voice_takes ─▶ fact_voice_analysis ─▶ dashboard_kzone_voice
kzone.voice.events ────────────────────────────────────────▶ curated.fact_voice_analysis ─▶ dashboard K-Zone voice
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from lakehouse.contracts.registry import Registry

# ref('model') and source('clean', 'table')
_READS = re.compile(r"""(?:ref|source)\((?:\s*['"]\w+['"]\s*,)?\s*['"](\w+)['"]\s*\)""")
_EXPOSURES = "exposures.yml"


def reads(sql: str) -> set[str]:
    """The models and tables that a model's SQL, or an exposure, names."""
    return set(_READS.findall(sql))


@dataclass(frozen=True)
class Lineage:
    """Contract ids, sorted; `dashboards`: contract id → the labels of the dashboards that show it."""

    parents: Mapping[str, list[str]]
    children: Mapping[str, list[str]]
    dashboards: Mapping[str, list[str]]


def lineage(contracts: Registry, models: Path, staging: Mapping[str, str]) -> Lineage:
    """`models` is dbt_project/models; `staging` are the texts of the staging models by path, which may not be written yet."""
    texts = {path.stem: path.read_text(encoding="utf-8") for path in models.rglob("*.sql") if path.parent.name != "staging"}
    named = {name: reads(text) for name, text in (texts | {Path(path).stem: text for path, text in staging.items()}).items()}
    ids = {c.table: c.id for c in contracts if c.layer in ("stream", "table", "derived", "curated", "features")}
    parents = {ids[name]: sorted(ids[table] for table in _nearest(name, named, ids)) for name in named if name in ids}
    children: dict[str, list[str]] = {}
    for child, above in sorted(parents.items()):
        for parent in above:
            children.setdefault(parent, []).append(child)
    return Lineage(parents, children, _dashboards(models / _EXPOSURES, ids))


def _nearest(name: str, named: Mapping[str, set[str]], ids: Mapping[str, str]) -> set[str]:
    """The datasets that a model reads, through whatever models are no datasets themselves."""
    found, seen, waiting = set(), {name}, set(named[name])
    while waiting:
        one = waiting.pop()
        if one in ids:
            found.add(one)
        elif one not in seen:
            waiting |= named.get(one, set())
        seen.add(one)
    return found - {name}


def _dashboards(exposures: Path, ids: Mapping[str, str]) -> dict[str, list[str]]:
    said = yaml.safe_load(exposures.read_text(encoding="utf-8"))["exposures"] if exposures.exists() else []
    found: dict[str, list[str]] = {}
    for dashboard in said:
        for table in sorted(set().union(*map(reads, dashboard["depends_on"]))):
            found.setdefault(ids[table], []).append(dashboard["label"])
    return found
