"""The catalogue: a page a contract, and pages of the settings, commands and words, all as Markdown text.

Pure functions; generate.py writes what they return.
"""

from lakehouse.contracts.made_from import Lineage
from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import ciphertexts, clean_fields
from lakehouse.contracts.registry import Registry
from lakehouse.contracts.types import TYPES

_LAYERS = {
    "stream": "Streams (HTTP events)",
    "table": "Source tables",
    "derived": "Derived tables of the clean zone",
    "curated": "Facts, dimensions and marts",
    "features": "Features",
    "monitoring": "Monitoring",
    "live": "Live aggregates",
    "envelope": "Platform",
    "dead_letter": "Platform",
}


def index_page(contracts: Registry) -> str:
    lines = ["# Catalogue", "", "Every dataset, from its contract. One page each; the [vocabulary](vocabulary.md) has every field."]
    for title in dict.fromkeys(_LAYERS.values()):
        members = [c for c in contracts if _LAYERS[c.layer] == title]
        if not members:
            continue
        lines += ["", f"## {title}", "", "| dataset | what a row is | owner | fresh within |", "| --- | --- | --- | --- |"]
        lines += [f"| [{c.id}]({c.id}.md) | {c.description} | {c.owner} | {_freshness(c)} |" for c in sorted(members, key=lambda c: c.id)]
    return "\n".join(lines) + "\n"


def contract_page(contract: Contract, contracts: Registry, made_from: Lineage) -> str:
    lines = [f"# {contract.id}", "", f"{contract.purpose} {contract.description}", ""]
    facts = [
        ("version", contract.version),
        ("layer", contract.layer),
        ("table", contract.table),
        ("owner", contract.owner),
        ("fresh within", _freshness(contract)),
        ("about", f"the person in `{contract.subject}`" if contract.subject else "nobody"),
        ("partitioned by the business day of", f"`{contract.event_time}`" if contract.event_time else ""),
        ("grain", ", ".join(f"`{k}`" for k in contract.primary_key)),
        ("counts", f"[{contract.live.source}]({contract.live.source}.md)" if contract.live else ""),
        ("a subscriber names", ", ".join(f"`{k}`" for k in contract.live.partition) if contract.live else ""),
        (
            "unknown fields",
            ("refused" if contract.refuses_unknown_fields else "kept in sealed raw, reported as drift") if contract.is_ingested else "",
        ),
        ("in raw", f"for {contract.raw_retention_days} days, sealed" if contract.is_ingested else ""),
        ("other regions", "have a copy, by pseudonym" if contract.is_replicated else ""),
        ("written in", f"`contracts/{contract.path}`"),
    ]
    lines += ["| | |", "| --- | --- |"] + [f"| {k} | {v} |" for k, v in facts if v]
    lines += _lineage(contract.id, made_from)
    if contract.event_types:
        lines += ["", "## Event types", "", "| event_type | requires, beside what is always required |", "| --- | --- |"]
        lines += [f"| `{name}` | {', '.join(f'`{f}`' for f in required)} |" for name, required in contract.event_types]
    if contract.media_kinds:
        lines += ["", "## Media objects", "", "| kind | content types | at most |", "| --- | --- | --- |"]
        lines += [f"| `{k.name}` | {', '.join(k.content_types)} | {k.max_bytes // 2**20} MiB |" for k in contract.media_kinds]
    lines += [
        "",
        "## Fields" if not contract.is_ingested else "## Payload",
        "",
        *_field_table(contract.fields, contract.is_ingested, ciphertexts(contract.fields, contracts.vocabulary)),
    ]
    if contract.is_ingested:
        stored = clean_fields(contract, contracts.vocabulary)
        lines += ["", "## Clean table", "", *_field_table(stored, False, ciphertexts(stored, contracts.vocabulary))]
    return "\n".join(lines) + "\n"


def _lineage(contract_id: str, made_from: Lineage) -> list[str]:
    """A drawing from the streams and source tables, through every dataset on the way, to what is made of this one and shown of it."""
    arrows, waiting = set(), [contract_id]
    while waiting:
        child = waiting.pop()
        new = {(parent, child) for parent in made_from.parents.get(child, ())} - arrows
        arrows |= new
        waiting += [parent for parent, _ in new]
    arrows |= {(contract_id, child) for child in made_from.children.get(contract_id, ())}
    shown = made_from.dashboards.get(contract_id, ())
    if not arrows and not shown:
        return []
    lines = ["", "## Lineage", "", "```mermaid", "flowchart LR"]
    lines += [f'  {_node(name)}["{name}"]' for name in sorted({name for arrow in arrows for name in arrow} | {contract_id})]
    lines += [f"  {_node(parent)} --> {_node(child)}" for parent, child in sorted(arrows)]
    lines += [f'  {_node(contract_id)} --> dashboard{n}(["dashboard: {label}"])' for n, label in enumerate(shown)]
    return [*lines, f"  style {_node(contract_id)} stroke-width:3px", "```"]


def _node(contract_id: str) -> str:
    return contract_id.replace(".", "_")


def _field_table(fields: tuple[Field, ...], with_treatment: bool, encrypted: frozenset[str]) -> list[str]:
    head = ["field", "type", "required", "classification", *(["in clean"] if with_treatment else []), "meaning"]
    rows = [f"| {' | '.join(head)} |", f"| {' | '.join('---' for _ in head)} |"]
    for f in fields:
        cells = [
            f"`{f.name}`",
            f"{f.type} ({TYPES[f.type].bigquery})",
            "yes" if f.required else "",
            f.classification + (", encrypted" if f.name in encrypted else ""),
        ]
        if with_treatment:
            cells.append({"keep": "as it is", "drop": "dropped"}.get(f.treatment, f"`{f.becomes}` ({f.treatment})"))
        rows.append(f"| {' | '.join([*cells, f.description + _limits(f)])} |")
    return rows


def _limits(field: Field) -> str:
    said = []
    if field.values:
        said.append("one of " + ", ".join(f"`{v}`" for v in field.values))
    if field.minimum is not None or field.maximum is not None:
        said.append(f"{'' if field.minimum is None else field.minimum} to {'' if field.maximum is None else field.maximum}".strip())
    return f" ({'; '.join(said)})" if said else ""


def vocabulary_page(contracts: Registry) -> str:
    users: dict[str, list[str]] = {}
    for contract in contracts:
        for name in contract.names:
            users.setdefault(name, []).append(contract.id)
    lines = [
        "# Vocabulary",
        "",
        "Every field name of the platform, once.",
        "",
        "| field | type | classification | meaning | used by |",
        "| --- | --- | --- | --- | --- |",
    ]
    for name, f in sorted(contracts.vocabulary.items()):
        used = ", ".join(f"[{c}]({c}.md)" for c in users.get(name, ()))
        lines.append(f"| `{name}` | {f.type} | {f.classification} | {f.description}{_limits(f)} | {used} |")
    return "\n".join(lines) + "\n"


def _freshness(contract: Contract) -> str:
    minutes = contract.freshness_minutes
    if minutes is None:
        return ""
    return f"{minutes} min" if minutes < 60 else f"{minutes // 1440} d" if minutes % 1440 == 0 else f"{minutes // 60} h"
