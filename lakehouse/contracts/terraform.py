"""What Terraform is told of contracts: pure functions from the registry to the text of generated files.

    clean tables ─▶ terraform/generated/tables/<table>.json   what it is called, where its Delta log is, how long its raw is kept
    dbt's folders ─▶ terraform/generated/datasets.json         the datasets that clean and dbt need

Terraform reads files and cannot ask Python. No column is among them: BigQuery reads those in the log (decision 15).
"""

import json
from pathlib import Path, PurePosixPath

import yaml

from lakehouse import places
from lakehouse.contracts.model import CLASSIFICATIONS, Contract
from lakehouse.contracts.project import clean_fields
from lakehouse.contracts.registry import Registry

_MADE = "Made by `make generate` from contracts/ and code. Do not edit."
FOLDER = "terraform/generated"
TABLES = f"{FOLDER}/tables"

_DATASETS = {
    places.CLEAN_SCHEMA: "Typed, deduplicated, pseudonymous: external tables over the Delta tables of the lake.",
    places.CURATED_SCHEMA: "Facts, dimensions and marts.",
    places.FEATURES_SCHEMA: "Vectors for the feature store.",
}
_OTHERS = "Steps on the way to the marts, for nobody else to read."


def tables(contracts: Registry) -> dict[str, str]:
    """Path below the repository's root → the text of each clean table's file."""
    return {f"{TABLES}/{c.table}.json": _json(_table(c, contracts)) for c in contracts.clean}


def _table(contract: Contract, contracts: Registry) -> dict:
    path = places.clean_table(contract.domain, contract.table)
    return {
        "contract": contract.id,
        "dataset": places.CLEAN_SCHEMA,
        "table": contract.table,
        "description": contract.description,
        "labels": {"owner": contract.owner, "domain": contract.domain, "classification": _classification(contract, contracts)},
        "path": path,
        "folders": sorted({_above(p) for p in (path, *_beside(contract))}),
        "raw_days": contract.raw_retention_days,
        "raw_prefixes": sorted(_raw_prefixes(contract)),
    }


def _classification(contract: Contract, contracts: Registry) -> str:
    """The strictest of the columns as they are in clean."""
    return max((f.classification for f in clean_fields(contract, contracts.vocabulary)), key=CLASSIFICATIONS.index)


def _beside(contract: Contract) -> list[str]:
    """What refine and the CDC writer read and write beside the clean table."""
    if not contract.is_ingested:
        return []
    at = contract.domain, contract.table
    beside = [places.raw_dir(*at), places.dead_letter_dir(*at), places.refining_in_hand(contract.id)]
    return [*beside, places.current_table(*at)] if contract.layer == "table" else beside


def _raw_prefixes(contract: Contract) -> list[str]:
    """Names of objects that are deleted when raw's time is over. Not the refined markers: quality counts with them, and they
    name nobody. Nor the waiting list: what is on it is not refined."""
    if not contract.is_ingested:
        return []
    at = contract.domain, contract.table
    found = [f"{places.raw_dir(*at)}/dt=", places.raw_commit_dir(*at), places.dead_letter_dir(*at), places.redrive_dir(*at)]
    if contract.media_kinds:
        found += [f"{places.media_dir(contract.domain)}/dt=", places.media_records_dir(contract.domain)]
    return [name if name.endswith("=") else f"{name}/" for name in found]


def _above(path: str) -> str:
    return f"{PurePosixPath(path).parent}/"


def datasets(root: Path) -> dict[str, str]:
    """The datasets that clean and the dbt project need, by the names that dbt gives them (macros/schemas.sql)."""
    project = yaml.safe_load((root / "dbt_project" / "dbt_project.yml").read_text(encoding="utf-8"))
    names = {places.CLEAN_SCHEMA, *_schemas(project["models"]), *_schemas(project["seeds"])}
    return {f"{FOLDER}/datasets.json": _json({"datasets": [_dataset(name) for name in sorted(names)]})}


def _dataset(name: str) -> dict:
    return {
        "dataset": name,
        "description": _DATASETS.get(name, _OTHERS),
        "tables_by": "terraform" if name == places.CLEAN_SCHEMA else "dbt",
        "is_shown": name in (places.CURATED_SCHEMA, places.FEATURES_SCHEMA),
    }


def _schemas(config: dict) -> set[str]:
    """Every +schema of a tree of dbt's configuration."""
    inner = [_schemas(value) for value in config.values() if isinstance(value, dict)]
    return set().union(*inner, {config["+schema"]} if "+schema" in config else set())


def _json(content: dict) -> str:
    return json.dumps({"made_by": _MADE, **content}, indent=2, ensure_ascii=False) + "\n"
