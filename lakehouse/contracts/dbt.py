"""What dbt is told of contracts: pure functions from the registry to the text of generated files.

    clean tables   ─▶ models/staging/_sources.yml, _models.yml, stg_<table>.sql and macros/generated/columns.sql
    curated        ─▶ models/marts/_models.yml
    features       ─▶ models/features/_models.yml
    zones          ─▶ seeds/zones.csv and seeds/_seeds.yml

dbt reads files and cannot ask Python, so these are written by `make generate`. A staging model lists no column: it calls
the macro staged(), so that a field added to a stream's contract is in the staging model without another edit.
"""

import csv
import io
from collections.abc import Callable

import yaml

from lakehouse.contracts.model import Contract, Field
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry
from lakehouse.contracts.types import TYPES
from lakehouse.places import CLEAN_SCHEMA

_MADE = "Made by `make generate` from contracts/ and code. Do not edit."
_YAML_MADE = f"# {_MADE}\n\n"
_KINDS = ("ids", "times", "days", "flags", "numbers", "texts")


def sources_yaml(contracts: Registry) -> str:
    """The clean tables as dbt sources, each with its columns and one test that its contract holds."""
    tables = []
    for contract in contracts.clean:
        fields = clean_fields(contract, contracts.vocabulary)
        tables.append(
            {
                "name": contract.table,
                "description": contract.description,
                "config": {"meta": _meta(contract)},
                "data_tests": [_contract_test(f"clean_{contract.table}", _clean_key(contract), fields)],
                "columns": [{"name": f.name, "description": f.description} for f in fields],
            }
        )
    return _document(
        {
            "sources": [
                {
                    "name": CLEAN_SCHEMA,
                    "schema": CLEAN_SCHEMA,
                    "description": "Typed, deduplicated, pseudonymous: what refine writes.",
                    "tables": tables,
                }
            ]
        }
    )


def _clean_key(contract: Contract) -> tuple[str, ...]:
    if contract.is_ingested:
        return ("event_id",)
    return tuple("dt" if name == contract.event_time else name for name in contract.primary_key)


def staging_yaml(contracts: Registry) -> str:
    """One staging view a clean table, with the names that models know its columns by."""
    models = []
    for contract in contracts.clean:
        columns = [{"name": name, "description": f.description} for name, f in _staged(contract, contracts)]
        models.append({"name": f"stg_{contract.table}", "description": contract.description, "columns": columns})
    return _document({"models": models})


def models_yaml(contracts: Registry, layer: str) -> str:
    """The models of a layer (curated or features): enforced columns, descriptions, tests, owner."""
    return _document({"models": [_model(c) for c in sorted(contracts.layer(layer), key=lambda c: c.id)]})


def _model(contract: Contract) -> dict:
    columns = []
    for field in contract.fields:
        column: dict = {"name": field.name, "data_type": _data_type(field), "description": field.description}
        if field.references:
            table, _, other = field.references.partition(".")
            column["data_tests"] = [
                {
                    "relationships": {
                        "name": f"{contract.table}_{field.name}_is_in_{table}",
                        "arguments": {"to": f"ref('{table}')", "field": other},
                    }
                }
            ]
        columns.append(column)
    return {
        "name": contract.table,
        "description": f"{contract.description} {contract.purpose}",
        "config": {"contract": {"enforced": True}, "meta": _meta(contract)},
        "data_tests": [_contract_test(contract.table, contract.primary_key, contract.fields)],
        "columns": columns,
    }


def _meta(contract: Contract) -> dict:
    return {"contract": contract.id, "version": contract.version, "owner": contract.owner}


def _contract_test(table: str, key: tuple[str, ...], fields: tuple[Field, ...]) -> dict:
    rules: dict = {"key": list(key)}
    if required := [f.name for f in fields if f.required]:
        rules["required"] = required
    if allowed := {f.name: list(f.values) for f in fields if f.values}:
        rules["allowed"] = allowed
    if bounds := {f.name: [f.minimum, f.maximum] for f in fields if (f.minimum, f.maximum) != (None, None)}:
        rules["bounds"] = bounds
    return {"contract_holds": {"name": f"{table}_keeps_its_contract", "arguments": rules}}


def _data_type(field: Field) -> str:
    spelling = TYPES[field.type]
    if spelling.duckdb == spelling.bigquery:
        return spelling.duckdb
    return f"{{{{ '{spelling.duckdb}' if target.type == 'duckdb' else '{spelling.bigquery}' }}}}"


def columns_macro(contracts: Registry) -> str:
    """staged(table): the select list of a staging model, by kind; staged_names(table): the names that it gives."""
    branches = []
    for contract in contracts.clean:
        branches.append(f"{{%- {'if' if not branches else 'elif'} table == '{contract.table}' -%}}\n{_select_list(contract, contracts)}")
    names = {c.table: [name for name, _ in _staged(c, contracts)] for c in contracts.clean}
    listed = ",\n".join(f"  '{table}': {columns!r}" for table, columns in names.items())
    return (
        f"{{# {_MADE} #}}\n\n"
        "{# The select list of a staging model: every column of its clean table, by kind. #}\n"
        "{% macro staged(table) %}\n" + "\n".join(branches) + "\n{%- endif -%}\n{% endmacro %}\n\n"
        "{# The names that staged() gives. #}\n"
        "{% macro staged_names(table) -%}\n"
        "{%- set names = {\n" + listed + "\n} -%}\n"
        "{{ names[table] | join(', ') }}\n"
        "{%- endmacro %}\n"
    )


def _select_list(contract: Contract, contracts: Registry) -> str:
    by_kind: dict[str, list[str]] = {kind: [] for kind in _KINDS}
    for name, field in _staged(contract, contracts):
        by_kind[_kind(field)].append(field.name if name == field.name else f"{field.name} as {name}")
    blocks = [(kind, columns) for kind, columns in by_kind.items() if columns]
    lines = []
    for place, (kind, columns) in enumerate(blocks):
        lines.append(f"        ---------- {kind}")
        lines += [f"        {c}," for c in columns]
        if place == len(blocks) - 1:
            lines[-1] = lines[-1].removesuffix(",")
    return "\n".join(lines)


def _staged(contract: Contract, contracts: Registry) -> list[tuple[str, Field]]:
    """(name in staging, clean column), by kind. dt, the day of the event time, takes its name: occurred_at → occurred_on."""
    day = (contract.event_time or "").removesuffix("_at").removesuffix("_on") + "_on"
    named = [(day if f.name == "dt" else f.name, f) for f in clean_fields(contract, contracts.vocabulary)]
    return sorted(named, key=lambda pair: _KINDS.index(_kind(pair[1])))


def _kind(field: Field) -> str:
    if field.name.endswith(("_id", "_pid", "_key")):
        return "ids"
    return {"timestamp": "times", "date": "days", "boolean": "flags", "text": "texts", "text_list": "texts"}.get(field.type, "numbers")


def zones_csv(contracts: Registry) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["zone_id", "zone_name", "site_host", "zone_code"])
    writer.writerows([z.zone_id, z.zone_name, z.site_host, z.zone_code] for z in contracts.zones)
    return out.getvalue()


def seeds_yaml(contracts: Registry) -> str:
    words = [contracts.word(name) for name in ("zone_id", "zone_name", "site_host", "zone_code")]
    seed = {
        "name": "zones",
        "description": "The nine sites, from contracts/reference/zones.yaml; made by `make generate`.",
        "config": {"column_types": {w.name: _data_type(w) for w in words}},
        "columns": [{"name": w.name, "description": w.description} for w in words],
    }
    return _document({"seeds": [seed]})


def _document(content: dict) -> str:
    return _YAML_MADE + yaml.safe_dump({"version": 2, **content}, sort_keys=False, allow_unicode=True, width=140)


STAGING = "dbt_project/models/staging"
_STAGING = """{{# {made} #}}

with source as (
    select * from {{{{ source('clean', '{table}') }}}}
),

renamed as (
    select
        {{{{ staged('{table}') }}}}
    from source
)

select * from renamed
"""


def staging_models(contracts: Registry) -> dict[str, str]:
    """Path below the repository's root → the text of each staging view: a stream is staged by being described."""
    return {f"{STAGING}/stg_{c.table}.sql": _STAGING.format(made=_MADE, table=c.table) for c in contracts.clean}


GENERATED: dict[str, Callable[[Registry], str]] = {
    "dbt_project/models/staging/_sources.yml": sources_yaml,
    "dbt_project/models/staging/_models.yml": staging_yaml,
    "dbt_project/models/marts/_models.yml": lambda contracts: models_yaml(contracts, "curated"),
    "dbt_project/models/features/_models.yml": lambda contracts: models_yaml(contracts, "features"),
    "dbt_project/macros/generated/columns.sql": columns_macro,
    "dbt_project/seeds/zones.csv": zones_csv,
    "dbt_project/seeds/_seeds.yml": seeds_yaml,
}
"""Path below the repository's root → what makes its text."""
