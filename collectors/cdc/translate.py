"""Debezium's JSON into envelopes. Pure: no clock, no file, no setting.

    {"op":"u","after":{…},"source":{"table","lsn","ts_us"}} ─▶ Envelope of source.<table>: op, changed_at, position, fields
    {"op":"t"}, the end of a snapshot                       ─▶ Envelope of source.table_floors
    heartbeats, transaction marks, logical messages         ─▶ nothing
    rows of tenants who live in another region              ─▶ nothing but a count: that region captures them
    what cannot be read                                     ─▶ the line as it is: landing makes a dead letter of it

What a snapshot reads is placed at the generation's floor, and not where Debezium says: a transaction that was open while the
slot was made commits afterwards, with changes that lie before that place, and they are newer than what the snapshot read.
"""

from base64 import b64encode
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from hashlib import blake2b
from typing import Any

import msgspec

from collectors.cdc.row_values import UNKNOWN, written
from lakehouse.contracts.model import Contract, Region
from lakehouse.envelope import Envelope, encode
from lakehouse.judge import CLOCK_TOLERANCE

SOURCE = "cdc"
FLOORS = "source.table_floors"
SNAPSHOT, TRUNCATE = "snapshot", "truncate"
_EARLIEST = "2000-01-01"
_CHANGED_AT = ("changed_at", "updated_at")
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ON_ENVELOPE = ("zone_id", "org_id")
_OWN_NAMES = ("op", "source_lsn", "source_epoch", "unchanged_fields")


class _Origin(msgspec.Struct, gc=False):
    schema: str = ""
    table: str = ""
    lsn: int = 0
    ts_us: int = 0


class _Change(msgspec.Struct, gc=False):
    op: str | None = None
    source: _Origin | None = None
    before: msgspec.Raw = msgspec.Raw(b"null")
    after: dict[str, Any] | None = None


_decode = msgspec.json.Decoder(_Change).decode
_decode_row = msgspec.json.Decoder(dict[str, Any] | None).decode


@dataclass(frozen=True)
class Setting:
    """What translation needs to know. `tables` and `told_of_deleted` (the columns that a deleted row tells) go by "schema.table". `secret` keys the digests in event ids: without it nobody can try out keys on them.
    `placeholder`: Debezium's word for a value that it was not sent, random for each run so that no row can hold it."""

    tables: Mapping[str, Contract]
    told_of_deleted: Mapping[str, Collection[str]]
    floors: Contract
    here: Region
    zones: Collection[str]
    default_zone: str
    epoch: int
    floor_lsn: int
    secret: bytes
    placeholder: str


@dataclass
class Translated:
    """`lines`: topic → encoded envelopes, in the source's order. `lsns`: of each change of the batch, in order; None where it has none."""

    lines: dict[str, list[bytes]] = field(default_factory=dict)
    unreadable: list[tuple[str, bytes]] = field(default_factory=list)
    floors: list[bytes] = field(default_factory=list)
    lsns: list[int | None] = field(default_factory=list)
    counts: Counter = field(default_factory=Counter)  # (table, zone_id, org_id, op) → rows
    table_lsns: dict[str, int] = field(default_factory=dict)
    drift: Counter = field(default_factory=Counter)  # (table, column that no contract knows) → rows
    abroad: Counter = field(default_factory=Counter)  # table → rows of tenants who live in another region


class _Plan:
    """What to do with a row of one table that has these columns."""

    def __init__(self, contract: Contract, columns: tuple[str, ...], placeholder: str) -> None:
        known = frozenset(contract.names)
        self.changed_at = next((c for c in _CHANGED_AT if c in columns), None)
        # What the envelope says already; also the key, where it is one of these (org_id of organizations).
        elsewhere = {*_ON_ENVELOPE, self.changed_at, contract.row_key} - known
        renamed = {c: f"column_{c}" if c in _OWN_NAMES else c for c in columns if c not in elsewhere and c != "changed_at"}
        as_written = written(contract)
        self.copied = [(c, name, *as_written.get(c, UNKNOWN)) for c, name in renamed.items()]
        self.unknown = [(contract.table, c) for c in renamed if c not in known or c in _OWN_NAMES]
        self.unavailable = (placeholder, [placeholder], b64encode(placeholder.encode()).decode())


class Translator:
    """One run of one engine."""

    def __init__(self, setting: Setting) -> None:
        self._set = setting
        self._mark = setting.placeholder.encode()
        self._mark_base64 = b64encode(self._mark)
        self._plans: dict[tuple, _Plan] = {}
        self._digest = blake2b(digest_size=16, key=setting.secret)
        self._time: tuple[int, str] = (-1, "")
        self._versions = {c.id: c.version for c in (*setting.tables.values(), setting.floors)}

    def translate(self, lines: Iterable[bytes], received_at: datetime) -> Translated:
        """Every line leaves by exactly one door: an envelope, a floor, unreadable, or none of a row's business."""
        done = Translated()
        latest = _text(received_at + CLOCK_TOLERANCE)
        for line in lines:
            lsn = None
            try:
                change = _decode(line)
                if change.op is not None and change.source is not None:
                    lsn = change.source.lsn
                    self._change(done, change, line, received_at, latest)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, KeyError):
                # Nothing that a row could be: it goes to the bus as it is, and landing seals it as a dead letter.
                done.unreadable.append((self._topic_of(line), line))
            done.lsns.append(lsn)
        return done

    def floors(self, tables: Collection[str], lsn: int, reason: str, at: datetime) -> list[bytes]:
        return [self._floor(table, lsn, reason, _text(at), at) for table in tables]

    def row(self, contract: Contract, row: dict[str, Any], op: str, lsn: int, at: datetime) -> bytes:
        """A row that was read by ourselves, in Debezium's spelling. Raises KeyError where its key is missing."""
        return self._envelope(Translated(), contract, row, op, lsn, _text(at), at, _text(at + CLOCK_TOLERANCE), False)

    def _change(self, done: Translated, change: _Change, line: bytes, received_at: datetime, latest: str) -> None:
        origin, op = change.source, change.op
        contract = self._set.tables.get(f"{origin.schema}.{origin.table}")
        if contract is None or op not in ("r", "c", "u", "d", "t"):
            return  # Debezium's own tables, logical messages
        at = self._committed_at(origin.ts_us)
        lsn = self._set.floor_lsn if op == "r" else origin.lsn
        done.table_lsns[contract.table] = lsn
        if op == "t":
            done.floors.append(self._floor(contract.table, lsn, TRUNCATE, at, received_at))
            return
        row = self._deleted(f"{origin.schema}.{origin.table}", change.before) if op == "d" else change.after
        if row is None:
            raise KeyError(contract.row_key)
        if not self._set.here.is_home_of(row.get("org_id"), contract):
            done.abroad[contract.table] += 1
            return
        # Only an update or a deletion may leave a value out; what is inserted is sent whole.
        is_partial = op in ("u", "d") and (self._mark in line or self._mark_base64 in line)
        made = self._envelope(done, contract, row, op, lsn, at, received_at, latest, is_partial)
        done.lines.setdefault(contract.topic, []).append(made)

    def _envelope(
        self,
        done: Translated,
        contract: Contract,
        row: dict,
        op: str,
        lsn: int,
        at: str,
        received_at: datetime,
        latest: str,
        is_partial: bool,
    ) -> bytes:
        plan = self._plan(contract, row)
        key = row[contract.row_key]
        if key is None:
            raise KeyError(contract.row_key)
        # A deletion happened when it was committed, whatever the row last said of itself.
        changed_at = row[plan.changed_at] if plan.changed_at and op != "d" else None
        if not isinstance(changed_at, str) or not _EARLIEST <= changed_at <= latest:
            changed_at = at
        payload = {"op": op, "changed_at": changed_at, "source_lsn": lsn, "source_epoch": self._set.epoch}
        unchanged = {c: name for c, name, _, _ in plan.copied if self._is_unavailable(row[c], plan)} if is_partial else {}
        for column, name, kind, convert in plan.copied:
            value = row[column]
            if value is not None and column not in unchanged:
                payload[name] = value if type(value) is kind else convert(value)
        if unchanged:
            payload["unchanged_fields"] = list(unchanged.values())
        zone = row.get("zone_id") or self._set.default_zone
        org = row.get("org_id")
        done.counts[contract.table, zone, org, op] += 1
        for unknown in plan.unknown:
            done.drift[unknown] += 1
        subject = row.get(contract.subject) if contract.subject else None
        return self._line(contract, self._event_id(contract.table, lsn, op, str(key)), zone, org, subject, received_at, payload)

    def _deleted(self, table: str, before: msgspec.Raw) -> dict[str, Any] | None:
        row = _decode_row(before)
        told = self._set.told_of_deleted[table]
        return {c: v for c, v in row.items() if c in told} if row else None

    def _plan(self, contract: Contract, row: dict) -> _Plan:
        shape = (contract.table, *row)
        plan = self._plans.get(shape)
        if plan is None:
            plan = self._plans[shape] = _Plan(contract, tuple(row), self._set.placeholder)
        return plan

    def _is_unavailable(self, value: Any, plan: _Plan) -> bool:
        return value in plan.unavailable or (isinstance(value, dict) and self._set.placeholder in value)

    def _floor(self, table: str, lsn: int, reason: str, at: str, received_at: datetime) -> bytes:
        floors = self._set.floors
        payload = {
            "op": "c",
            "changed_at": at,
            "source_lsn": lsn,
            "source_epoch": self._set.epoch,
            "table_name": table,
            "floor_reason": reason,
        }
        return self._line(
            floors, self._event_id(floors.table, lsn, reason, table), self._set.default_zone, None, None, received_at, payload
        )

    def _event_id(self, table: str, lsn: int, op: str, key: str) -> str:
        named = f"{table}\0{self._set.epoch}\0{lsn}\0{op}\0{key}".encode()
        digest = self._digest.copy()  # the key is in it already: half of the work
        digest.update(named)
        return f"cdc.{digest.hexdigest()}"

    def _line(self, contract: Contract, event_id: str, zone: Any, org: Any, subject: Any, received_at: datetime, payload: dict) -> bytes:
        # The payload goes in as it is: encoded with its envelope, in one step.
        return encode(Envelope(event_id, contract.id, self._versions[contract.id], SOURCE, zone, received_at, payload, org, subject))

    def _committed_at(self, ts_us: int) -> str:
        if ts_us != self._time[0]:
            self._time = ts_us, _text(_EPOCH + ts_us * _MICROSECOND)
        return self._time[1]

    def _topic_of(self, line: bytes) -> str:
        """Of a line that could not be read: the table it names, as far as that can be told."""
        named = (c.topic for name, c in self._set.tables.items() if b'"table":"%b"' % name.split(".", 1)[1].encode() in line)
        return next(named, self._set.floors.topic)


def _text(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
