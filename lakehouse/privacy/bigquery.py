"""The policy for BigQuery: what Terraform makes each group of readers a dataset of views from.

    hidden.py               ─▶ platform/hidden/people.parquet ─▶ access.hidden, which every view asks
    access(), Reader.rows() ─▶ terraform/generated/access.json ─▶ for_<reader>.<table>: select <sights> from curated.<table> where <rows>

Not row access policies and policy tags, which belong to a table: dbt makes most tables anew, and until the policies
were back each would stand open (decision 17). Zones and tenants are placeholders: readers are Terraform's to name. Restricted columns
stay ciphertext to whoever sees them: the vault's keys are not BigQuery's.
"""

import json

from lakehouse.access.caller import Role
from lakehouse.contracts.model import Field
from lakehouse.contracts.registry import Registry
from lakehouse.places import hidden_dir, shown_to_nobody
from lakehouse.privacy.access import Access, Level, Sight, access, columns_of
from lakehouse.privacy.chain import ActorKind
from lakehouse.privacy.roles import BY_TOKEN, READS, Purpose, Reader
from lakehouse.privacy.views import REDACTED, TOKEN_CHARS

FILE = "terraform/generated/access.json"
ZONES, ORGS, SALT = "ZONES", 0, "SALT"  # Terraform puts a reader's own in their place
LEVELS = (Level.L1, Level.L2, Level.L3)  # an L4 reader owns the project
_MADE = "Made by `make generate` from contracts/ and code. Do not edit."
_DATASETS = ("curated", "features")
_BOUND = {"all": (None, None), "zones": ({ZONES}, None), "orgs": (None, {ORGS}), "zones_orgs": ({ZONES}, {ORGS})}


def access_json(contracts: Registry) -> str:
    purposes = {
        str(p): {"datasets": [d for d in READS[p] if d in _DATASETS], "by_token": p in BY_TOKEN}
        for p in Purpose
        if p is not Purpose.OWN_DATA
    }
    tables = [
        {
            "dataset": contract.layer,
            "table": contract.table,
            "description": contract.description,
            "persons": list(what.persons),
            "select": {level: _select(columns_of(contract, contracts), what, level) for level in LEVELS if level in what.sights},
            "rows": {level: _rows(what, level) for level in LEVELS if level in what.sights},
        }
        for contract in sorted(contracts.layer(*_DATASETS), key=lambda c: (c.layer, c.table))
        for what in [access(contract, contracts)]
    ]
    hidden = {"folder": f"{hidden_dir()}/", "path": shown_to_nobody()}
    return json.dumps({"made_by": _MADE, "hidden": hidden, "purposes": purposes, "tables": tables}, indent=2, ensure_ascii=False) + "\n"


def _select(fields: tuple[Field, ...], what: Access, level: Level) -> dict[str, str]:
    """by_token, and as a purpose reads it that may know the pseudonyms."""
    sights = what.sights[level]
    named = [(f, sights[f.name]) for f in fields if f.name in sights]
    return {
        "by_token": ", ".join(_column(f, sight) for f, sight in named),
        "plain": ", ".join(_column(f, Sight.SHOW if sight is Sight.TOKEN else sight) for f, sight in named),
    }


def _rows(what: Access, level: Level) -> dict[str, str | None]:
    """How a reader is bound → the condition; None where nothing is left, so that no view is made."""
    found = {}
    for name, (zones, orgs) in _BOUND.items():
        bound = [None if values is None else frozenset(values) for values in (zones, orgs)]
        rows = Reader("terraform", ActorKind.SERVICE, Role.SYS_ADMIN, Purpose.ANALYTICS, level, *bound).rows(what)
        found[name] = None if rows == "false" else rows
    return found


def _column(field: Field, sight: Sight) -> str:
    match sight:
        case Sight.TOKEN:
            return f"left(to_hex(sha256('{SALT}' || {field.name})), {TOKEN_CHARS}) as {field.name}"
        case Sight.YEAR:
            return f"{field.type}_trunc({field.name}, year) as {field.name}"
        case Sight.REDACT:
            return f"if({field.name} is null, null, '{REDACTED}') as {field.name}"
    return field.name
