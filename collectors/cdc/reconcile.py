"""`lakehouse cdc reconcile`: is downstream what the source is? And make it so.

look ─▶ differences ─ settle ─▶ look again ─▶ what differs in both looks ─▶ alert ─▶ --repair: missing and stale rows as op r,
                                                                                    phantoms as op d, at a position of their own
"""

import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from collectors.cdc import copies
from collectors.cdc.child import translator_of
from collectors.cdc.comparing import KeyDifferences, Tenant, differing, digest, key_differences
from collectors.cdc.ledger import Ledger
from collectors.cdc.source import Source, Table
from collectors.cdc.translate import Translator
from lakehouse.contracts import registry
from lakehouse.envelope import pack
from lakehouse.errors import IntegrityGapError
from lakehouse.log import get_log
from lakehouse.storage.protocols import Bus

_log = get_log(__name__)


@dataclass
class Look:
    """One comparison. `keys` holds the source's own keys; phantoms as the copy knows them."""

    rows: int = 0
    tenants: dict[Tenant, tuple[int, int]] = field(default_factory=dict)
    keys: dict[str, KeyDifferences] = field(default_factory=dict)


class Reconciler:
    """The source's tables against a copy of them."""

    def __init__(self, source: Source, tables: list[Table], copy: copies.Copy, told: Callable[[str], None] = lambda name: None) -> None:
        self._source, self._tables, self._copy, self._told = source, tables, copy, told
        self._zone = registry().zones[0].zone_id

    def look(self, every_tenant: bool) -> Look:
        """Rows are compared for tenants whose counts differ, or for all."""
        found = Look()
        with copies.as_of_now(self._source) as connection:
            for table in self._tables:
                self._told(table.name)
                ours, theirs = self._at_home(table, copies.counts(connection, table, self._zone)), self._copy.counts(table)
                unequal = differing(ours, theirs)
                found.rows += sum(ours.values())
                found.tenants |= unequal
                wanted = ours.keys() | theirs.keys() if every_tenant else unequal.keys()
                if wanted and (keys := self._keys(connection, table, wanted)):
                    found.keys[table.name] = keys
        return found

    @staticmethod
    def _at_home(table: Table, counts: dict[Tenant, int]) -> dict[Tenant, int]:
        """Those of this region's tenants: the others' rows are not to be here."""
        here = registry().here
        return {tenant: count for tenant, count in counts.items() if here.is_home_of(tenant.org_id, table.contract)}

    def _keys(self, connection, table: Table, tenants) -> KeyDifferences:
        fields, key = copies.compared_fields(table.contract), table.contract.row_key
        typed = copies_values(table)
        source, about = {}, {}
        for row in copies.rows_of_tenants(connection, table, tenants, self._zone):
            source[str(row[key])] = digest(typed(row), fields)
            about[str(row[key])] = copies.people_of(table.contract, row)
        # Whom we were asked to forget, the source may still know: their rows are no gap.
        gone = self._copy.forgotten({name for people in about.values() for name in people})
        source = {k: v for k, v in source.items() if gone.isdisjoint(about[k])}
        names = self._copy.keys_of(table, source.keys())
        copy = {k: digest(row, fields) for k, row in self._copy.rows(table, tenants).items()}
        own = {name: k for k, name in names.items()}
        found = key_differences({names[k]: v for k, v in source.items()}, copy)
        return KeyDifferences(frozenset(own[k] for k in found.missing), frozenset(own[k] for k in found.stale), found.phantom)

    def twice(self, settle_s: float, every_tenant: bool) -> Look:
        """What differs now, and still does after `settle_s`: the copy is always a little behind."""
        first = self.look(every_tenant)
        if not first.tenants and not first.keys:
            return first
        time.sleep(settle_s)
        second = self.look(every_tenant)
        second.keys = {name: both for name, d in second.keys.items() if (both := d & first.keys.get(name, KeyDifferences()))}
        second.tenants = {t: c for t, c in second.tenants.items() if first.tenants.get(t) and t.table in second.keys}
        return second

    def repair(self, look: Look, ledger: Ledger, bus: Bus) -> int:
        """Publish what is missing or stale again, and deletions for what the source does not have; returns how many.

        Raises IntegrityGapError where the source is another one than the ledger's, or a phantom is known by a pseudonym alone.
        """
        standing = ledger.standing()
        if standing is None or self._source.sighting().system_identifier != standing.system_identifier:
            raise IntegrityGapError("the source is not the one that was captured", hint="run `lakehouse cdc run`: it begins a new epoch")
        translator = translator_of(standing, self._tables, ledger.secret, "")
        published, nameless = 0, []
        with copies.placed(self._source) as (position, connection):
            for table in self._tables:
                wrong = look.keys.get(table.name, KeyDifferences())
                lines = self._again(connection, table, wrong, translator, position)
                if copies.key_column(table.contract) == table.contract.row_key:
                    there = {str(r[table.contract.row_key]) for r in copies.rows(connection, table, table.contract.row_key, wrong.phantom)}
                    gone = [{table.contract.row_key: key} for key in wrong.phantom - there]
                    lines += [translator.row(table.contract, row, "d", position, datetime.now(UTC)) for row in gone]
                elif wrong.phantom:
                    nameless.append(table.name)
                if lines:
                    bus.publish(table.contract.topic, pack(lines))
                published += len(lines)
        if nameless:
            raise IntegrityGapError(
                f"rows that the source does not have, known by pseudonyms alone: {', '.join(nameless)}",
                hint="`lakehouse cdc resnapshot` ends with floors, which take them away",
            )
        return published

    @staticmethod
    def _again(connection, table: Table, wrong: KeyDifferences, translator: Translator, position: int) -> list[bytes]:
        found = copies.rows(connection, table, table.contract.row_key, wrong.missing | wrong.stale)
        return [translator.row(table.contract, row, "r", position, datetime.now(UTC)) for row in found]


def copies_values(table: Table):
    """A row of the source in Debezium's spelling → fields as the copy's types have them."""
    types = {f.name: f.type for f in table.contract.fields}

    def typed(row: dict) -> dict:
        return {name: _typed(types[name], value) for name, value in row.items() if name in types and value is not None}

    return typed


def _typed(kind: str, value):
    if kind == "timestamp" and isinstance(value, str):
        return datetime.fromisoformat(value)
    return float(value) if kind in ("integer", "float", "decimal") else value


def summary(look: Look) -> dict[str, dict[str, int]]:
    """Counts alone: keys may be people's."""
    told: dict[str, dict[str, int]] = defaultdict(dict)
    for name, keys in look.keys.items():
        told[name] = {kind: len(getattr(keys, kind)) for kind in ("missing", "stale", "phantom")}
    return dict(told)
