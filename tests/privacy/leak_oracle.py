"""Who should see what, written down once more in plain words, by somebody who never looks at lakehouse/privacy.

It knows the YAML of contracts, rows as dicts, and the rules of docs/how_to/give_access.md. Slow and obvious on purpose.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from pathlib import Path

import yaml

PERSON_COLUMNS = {"user_pid", "student_user_pid", "requester_pid"}
COUNTING_COLUMNS = ["viewer_count", "payer_count", "visitor_count", "learner_count", "dau", "wau", "mau", "cohort_size"]
LAYERS_OF_PURPOSE = {
    "own_data": {"curated", "features"},
    "analytics": {"curated"},
    "support": {"curated"},
    "tutoring": {"features"},
    "ai_training": {"clean", "curated", "features"},
    "operations": {"clean", "curated", "features", "monitoring", "rights"},
    "privacy": {"clean", "curated", "features", "monitoring", "rights"},
}


@dataclass(frozen=True)
class Token:
    """Some other name for this person."""

    pid: str


@dataclass(frozen=True)
class Who:
    role: str
    level: str
    purpose: str
    zones: frozenset | None = None
    orgs: frozenset | None = None
    person: str | None = None


def _yaml(file: Path) -> dict:
    return yaml.load(file.read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


@lru_cache(maxsize=1)
def classes(contracts: Path) -> dict[str, str]:
    """Column → how personal it is, out of the YAML."""
    found = {}
    vocabulary = _yaml(contracts / "vocabulary.yaml")
    for section in vocabulary.values():
        found |= {name: said["classification"] for name, said in section.items()}
    for file in contracts.rglob("*.odcs.yaml"):
        for prop in _yaml(file)["schema"][0]["properties"]:
            if "classification" in prop:
                found[prop["name"]] = prop["classification"]
    return found


@lru_cache(maxsize=1)
def encrypted(contracts: Path) -> set[str]:
    """Columns of which tables hold ciphertext: what is made of something personal, and is personal still."""
    made = {said["becomes"] for section in _yaml(contracts / "vocabulary.yaml").values() for said in section.values() if "becomes" in said}
    return {name for name in made if classes(contracts)[name] not in ("public", "internal")}


@lru_cache(maxsize=1)
def timeless(contracts: Path) -> set[str]:
    """Tables whose contract names no event time."""
    found = set()
    for file in contracts.rglob("*.odcs.yaml"):
        schema = _yaml(file)["schema"][0]
        if not any(custom["property"] == "eventTime" for custom in schema.get("customProperties", ())):
            found.add(schema["name"])
    return found


def visible(who: Who, layer: str, rows: list[dict], hidden: set[str], personal: dict[str, str], is_timeless: bool) -> list[dict] | None:
    """The rows as they should come out; None where the table is not for them at all. `rows`: in clear, for an engine that decrypts for
    whoever may see a column; otherwise as they are stored."""
    columns = list(rows[0])
    if layer not in LAYERS_OF_PURPOSE[who.purpose]:
        return None
    counting = next((c for c in COUNTING_COLUMNS if c in columns), None)
    about_people = any(c in PERSON_COLUMNS for c in columns)
    if who.level == "L1" and (about_people or counting is None):
        return None
    out = []
    for row in rows:
        if any(row[c] in hidden for c in columns if c in PERSON_COLUMNS):
            continue
        if _sees_row(who, row, columns, counting, about_people, is_timeless):
            out.append({c: cell for c in columns for cell in [_cell(who, c, row[c], personal)] if cell is not _ABSENT})
    return out


def _sees_row(who: Who, row: dict, columns: list[str], counting: str | None, about_people: bool, is_timeless: bool) -> bool:
    about_nobody = not about_people and counting is None and is_timeless
    if who.person is not None:
        if about_people:
            return who.person in [row[c] for c in columns if c in PERSON_COLUMNS]
        return about_nobody and not ("zone_id" in columns and "org_id" in columns)
    if who.level == "L4":
        return True
    if who.level == "L1":
        return row[counting] >= 5
    if "zone_id" in columns and "org_id" in columns:
        return (who.zones is None or row["zone_id"] in who.zones) and (who.orgs is None or row["org_id"] in who.orgs)
    if about_nobody:
        return True
    if "zone_id" in columns:
        return who.orgs is None and (who.zones is None or row["zone_id"] in who.zones)
    return who.zones is None and who.orgs is None


_ABSENT = object()


def _cell(who: Who, column: str, value: object, personal: dict[str, str]) -> object:
    if who.level in ("L3", "L4"):
        return value
    if column in PERSON_COLUMNS:
        return Token(value) if who.purpose in ("analytics", "operations") else value
    kind = personal[column]
    if kind in ("public", "internal"):
        return value
    if who.level == "L1":
        return _ABSENT
    if kind == "personal" and isinstance(value, date):
        return value.replace(month=1, day=1)
    if kind == "sensitive" and isinstance(value, str):
        return "[redacted]"
    return _ABSENT
