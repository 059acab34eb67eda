"""The mapping, read and checked against the contracts and the file's columns before a single row is.

    MAPPING.yaml + FILE.csv ─▶ Mapping: outputs, each of them rows ─▶ skip? ─▶ fields ─▶ event

Everything that can be wrong with a mapping is said here, with its line and with what there is instead.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from collectors.backfill import located
from collectors.backfill.located import Located, did_you_mean
from collectors.backfill.sheets import Join, Sheet, open_joins, open_sheet
from collectors.backfill.transforms import Maker, Transform, Values
from collectors.backfill.values import digest
from lakehouse.contracts.model import Contract
from lakehouse.contracts.registry import Registry

MAIN = "FILE"
_NAME = re.compile(r"[a-z][a-z0-9_-]{1,23}")


@dataclass(frozen=True)
class Skip:
    """Rows that are left out on purpose, and why."""

    column: str
    texts: frozenset[str]
    is_listed: bool  # skip those listed, or all others
    reason: str

    def applies(self, values: Values) -> bool:
        return (values[self.column] in self.texts) == self.is_listed


@dataclass(frozen=True)
class Output:
    """One event (or table row) a row of `sheet`. `title` says which in the reports."""

    title: str
    contract: Contract
    event_type: str | None
    sheet: Sheet
    joins: tuple[Join, ...]
    skips: tuple[Skip, ...]
    id_columns: tuple[str, ...]
    fields: tuple[tuple[str, Transform], ...]
    mapping_name: str

    def event(self, values: Values, org_id: int | None) -> dict[str, Any]:
        """The event as a producer would send it. Raises Unusable."""
        payload = {"event_type": self.event_type} if self.event_type else {}
        for name, transform in self.fields:
            if (value := transform(values)) is not None:
                payload[name] = value
        key = digest(self.contract.id, self.event_type or "", *(values[column] for column in self.id_columns))
        event = {"event_id": f"{self.mapping_name}.{key}", "contract": self.contract.id, "payload": payload}
        return event | ({"org_id": org_id} if org_id is not None else {})


@dataclass(frozen=True)
class Mapping:
    """What becomes of a file. `zone_id` and `org_id` are those of all its events."""

    name: str
    zone_id: str
    org_id: int | None
    sheet: Sheet
    outputs: tuple[Output, ...]


def read(path: Path, file: Path, contracts: Registry) -> Mapping:
    """Raises MappingError with the mapping's line, or BadInputError where FILE itself is at fault."""
    spec = located.read(path)
    spec.allow("name", "description", "zone_id", "org_id", "time_zone", "delimiter", "encoding", "missing", "join", "outputs")
    name = spec.require("name", str, "a short name in small letters; it becomes part of every event_id")
    if not _NAME.fullmatch(name):
        raise spec.error(f"name `{name}` must be 2 to 24 small letters, digits, - or _", "name")
    zone_id = spec.require("zone_id", str, "one of the nine zones")
    if zone_id not in (known := [z.zone_id for z in contracts.zones]):
        raise spec.error(f"unknown zone `{zone_id}`", "zone_id", hint=did_you_mean(zone_id, known))
    org_id = spec.require("org_id", int, "the number of the tenant") if "org_id" in spec else None
    sheet = open_sheet(file, spec.get("delimiter", ","), spec.get("encoding", "utf-8-sig"))
    joins = open_joins(spec.get("join") or Located(path.name, 1), sheet)
    outputs = spec.require("outputs", list, "a list with one entry for each kind of event to make")
    builder = _Builder(spec, name, contracts, sheet, joins)
    return Mapping(name, zone_id, org_id, sheet, tuple(builder.output(n, output) for n, output in enumerate(outputs)))


class _Builder:
    """Makes outputs of one mapping."""

    def __init__(self, spec: Located, name: str, contracts: Registry, sheet: Sheet, joins: list[Join]) -> None:
        self._spec, self._name, self._contracts, self._sheet, self._joins = spec, name, contracts, sheet, joins
        self._missing = frozenset({"", *map(str, spec.get("missing", ()))})
        self._zone = self._time_zone()

    def output(self, number: int, spec: Any) -> Output:
        if not isinstance(spec, Located):
            raise self._spec.error(f"entry {number + 1} of `outputs` needs `contract:`, `id:` and `fields:`", "outputs")
        spec.allow("contract", "event_type", "rows", "id", "skip", "fields")
        contract = self._contract(spec)
        event_type = self._event_type(spec, contract)
        sheet, joins = self._rows(spec)
        columns = (*sheet.columns, *(column for join in joins for column in join.columns))
        maker = Maker(columns, self._missing, self._zone, sheet.path.name)
        if not spec.get("id"):
            raise spec.error(
                "`id` is missing", hint=f"name the columns that tell the rows of {sheet.path.name} apart, such as id: [exam, student]"
            )
        title = f"{contract.id} {event_type}" if event_type else contract.id
        skips = tuple(_skip(s, maker) for s in spec.get("skip", ()))
        fields = self._fields(spec, contract, event_type, maker)
        return Output(title, contract, event_type, sheet, joins, skips, tuple(maker.columns_of(spec, "id")), fields, self._name)

    def _contract(self, spec: Located) -> Contract:
        wanted = spec.require("contract", str, "a stream, or a source table")
        known = {c.id: c for c in self._contracts.ingested}
        if wanted not in known:
            raise spec.error(f"no contract `{wanted}`", "contract", hint=did_you_mean(wanted, known))
        return known[wanted]

    def _event_type(self, spec: Located, contract: Contract) -> str | None:
        known = [name for name, _ in contract.event_types]
        if not known:
            return None
        wanted = spec.require("event_type", str, f"one of {', '.join(known)}")
        if wanted not in known:
            raise spec.error(f"{contract.id} has no event `{wanted}`", "event_type", hint=did_you_mean(wanted, known))
        return wanted

    def _rows(self, spec: Located) -> tuple[Sheet, tuple[Join, ...]]:
        """The sheet whose rows become events: FILE with what is joined to it, or one of the joined files alone."""
        wanted = spec.get("rows", MAIN)
        if wanted == MAIN:
            return self._sheet, tuple(self._joins)
        for join in self._joins:
            if join.name == wanted:
                return join.sheet, ()
        raise spec.error(
            f"`rows: {wanted}` is no file of this mapping", "rows", hint=did_you_mean(wanted, [MAIN, *(j.name for j in self._joins)])
        )

    def _fields(self, spec: Located, contract: Contract, event_type: str | None, maker: Maker) -> tuple[tuple[str, Transform], ...]:
        fields = spec.require("fields", Located, "a table of the contract's fields and how each is made")
        own = [f for f in contract.fields if f.name != "event_type"]
        known = {f.name: f for f in own}
        for name in fields:
            if name not in known:
                raise fields.error(f"{contract.id} has no field `{name}`", name, hint=did_you_mean(name, known))
        required = {f.name for f in own if f.required} | set(dict(contract.event_types).get(event_type, ()))
        if absent := [n for n in known if n in required and n not in fields]:
            raise spec.error(
                f"{contract.id} {event_type or ''} requires {', '.join(absent)}", "fields", hint="say under `fields:` how they are made"
            )
        return tuple((name, maker.make(how, known[name], fields)) for name, how in fields.items())

    def _time_zone(self) -> ZoneInfo | None:
        if "time_zone" not in self._spec:
            return None
        try:
            return ZoneInfo(str(self._spec["time_zone"]))
        except (ZoneInfoNotFoundError, ValueError):
            raise self._spec.error(f"unknown time zone `{self._spec['time_zone']}`", "time_zone", hint="write it as Asia/Seoul") from None


def _skip(spec: Any, maker: Maker) -> Skip:
    spec.allow("column", "is", "is_not", "reason")
    spec.require("column", str, "the column that decides")
    reason = spec.require("reason", str, "why these rows are left out; it is counted and shown")
    if ("is" in spec) == ("is_not" in spec):
        raise spec.error("say either `is:` or `is_not:`")
    listed = spec.get("is", spec.get("is_not"))
    texts = frozenset(str(text) for text in (listed if isinstance(listed, list) else [listed]))
    return Skip(maker.column(spec, "column"), texts, "is" in spec, reason)
