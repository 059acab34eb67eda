"""Compatible or not, and where: a contract against its released shape (contracts/released.json).

Within a major version a producer's old records must stay valid, and a consumer's old query must go on working. So a
field may be added when it is optional, and a rule may be widened; everything else needs a new major version.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from lakehouse.contracts.made_from import reads
from lakehouse.contracts.model import Contract, Field


@dataclass(frozen=True, slots=True)
class Breach:
    """One incompatible change. `field` is None where the whole contract is meant."""

    contract: str
    field: str | None
    what: str


def shape(contract: Contract) -> dict:
    """What of a contract others rely on, as plain JSON; descriptions and owners are not part of it."""
    return {
        "version": contract.version,
        "layer": contract.layer,
        "domain": contract.domain,
        "table": contract.table,
        "subject": contract.subject,
        "event_time": contract.event_time,
        "row_key": contract.row_key,
        "primary_key": list(contract.primary_key),
        "refuses_unknown_fields": contract.refuses_unknown_fields,
        "event_types": {name: sorted(required) for name, required in contract.event_types},
        "fields": {f.name: _field_shape(f) for f in contract.fields},
    }


def _field_shape(field: Field) -> dict:
    rules = {
        "type": field.type,
        "treatment": field.treatment,
        "becomes": field.becomes,
        "required": field.required,
        "minimum": field.minimum,
        "maximum": field.maximum,
        "max_length": field.max_length,
        "pattern": field.pattern,
        "values": list(field.values),
    }
    return {k: v for k, v in rules.items() if v not in (None, False, [])}


def breaches(released: dict, now: Contract) -> list[Breach]:
    """Incompatible changes from a released shape to `now`, none where the major version differs."""
    current = shape(now)
    if _major(released["version"]) != _major(current["version"]):
        return []
    is_output = now.layer in ("derived", "curated", "features", "monitoring", "live")
    found = [Breach(now.id, None, f"{k} changed from {released[k]!r} to {current[k]!r}") for k in _FIXED if released[k] != current[k]]
    if current["refuses_unknown_fields"] and not released["refuses_unknown_fields"]:
        found.append(Breach(now.id, None, "unknown fields were kept and are now refused"))
    found += _event_type_breaches(now.id, released["event_types"], current["event_types"])
    for name, old in released["fields"].items():
        new = current["fields"].get(name)
        if new is None:
            found.append(Breach(now.id, name, "was removed"))
        else:
            found += [Breach(now.id, name, what) for what in _field_breaches(old, new, is_output)]
    if not is_output:
        added = current["fields"].keys() - released["fields"].keys()
        found += [Breach(now.id, name, "is new and required") for name in sorted(added) if current["fields"][name].get("required")]
    return found


_FIXED = ("layer", "domain", "table", "subject", "event_time", "row_key", "primary_key")


def _event_type_breaches(contract: str, old: dict, new: dict) -> list[Breach]:
    found = [Breach(contract, "event_type", f"no longer takes {name!r}") for name in old.keys() - new.keys()]
    for name in sorted(old.keys() & new.keys()):
        for field in sorted(set(new[name]) - set(old[name])):
            found.append(Breach(contract, field, f"is newly required of {name!r}"))
    return found


def _field_breaches(old: dict, new: dict, is_output: bool) -> list[str]:
    # Of an output nothing is treated: what is in it was, on its way.
    fixed = ("type",) if is_output or _is_first_seen(old, new) else ("type", "treatment", "becomes")
    found = [f"{k} changed from {old.get(k)!r} to {new.get(k)!r}" for k in fixed if old.get(k) != new.get(k)]
    if is_output:
        if old.get("required") and not new.get("required"):
            found.append("was never null and now may be")
        return found
    if new.get("required") and not old.get("required"):
        found.append("was optional and is now required")
    if new.get("pattern") not in (None, old.get("pattern")):
        found.append("has another pattern")
    gone = set(old.get("values", ())) - set(new.get("values", ()))
    if (old.get("values") and new.get("values") and gone) or (new.get("values") and not old.get("values")):
        found.append(f"no longer takes {', '.join(sorted(gone)) or 'any other text'}")
    for limit, narrower in (("minimum", lambda o, n: n > o), ("maximum", lambda o, n: n < o), ("max_length", lambda o, n: n < o)):
        if limit in new and (limit not in old or narrower(old[limit], new[limit])):
            found.append(
                f"has a narrower {limit}: {old.get(limit)} was {'unbounded' if limit not in old else 'the limit'}, now {new[limit]}"
            )
    return found


def _is_first_seen(old: dict, new: dict) -> bool:
    """A field that was dropped and is now treated: its column is new in clean, and null before, like a new field's."""
    return old["treatment"] == "drop" and new["treatment"] not in ("drop", "keep") and not new.get("required")


def _major(version: str) -> str:
    return version.split(".", 1)[0]


def consumers(breach: Breach, contract: Contract, models: Path) -> list[str]:
    """dbt models that read what a breach takes away: those downstream of the contract's table that name the field.

    `models` is dbt_project/models; paths come back relative to it, sorted.
    """
    texts = {path: path.read_text(encoding="utf-8") for path in sorted(models.rglob("*.sql"))}
    read = {path: reads(text) for path, text in texts.items()}
    reached = {contract.table}
    while grown := {path.stem for path, names in read.items() if names & reached} - reached:
        reached |= grown
    named = re.compile(rf"\b{re.escape(breach.field)}\b") if breach.field else re.compile("")
    return [str(p.relative_to(models)) for p, text in texts.items() if p.stem in reached and read[p] and named.search(text)]
