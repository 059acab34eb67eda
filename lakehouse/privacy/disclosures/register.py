"""The register of disclosures: an entry each time that people's data was given to somebody outside.

    entry ─▶ disclosure: when, to whom, for what, on which basis, which datasets      about ─▶ disclosed_person: a mark each
                                                                                                  ▲
    account ─ the vault's digest, as requests and receipts have it ─ HMAC under the register's own key ┘

It outlives the people in it, for it answers for what was done with their data; so it holds a mark of them and nothing else. Whoever has a
receipt, or a list of accounts, finds nobody here: the register's key is in the vault, under its master key. What was entered wrongly is
retracted and stays to be seen, until its term.
"""

import hmac
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields, replace
from datetime import datetime
from enum import StrEnum

import sqlalchemy as sa

from lakehouse.errors import BadInputError
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.sql import Utc, create_tables, leave_no_trace

_KEY_OF = "disclosures"
UNSAID = "[taken out]"
_AT_ONCE = 5_000  # values in one statement

_metadata = sa.MetaData()
_disclosure = sa.Table(
    "disclosure",
    _metadata,
    sa.Column("disclosure_id", sa.String(36), primary_key=True),
    sa.Column("disclosed_at", Utc, nullable=False, index=True),
    sa.Column("recipient", sa.Text, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("legal_basis", sa.String(32), nullable=False),
    sa.Column("datasets", sa.Text, nullable=False),
    sa.Column("scope", sa.String(8), nullable=False),
    sa.Column("scope_value", sa.Text),
    sa.Column("people", sa.Integer, nullable=False),
    sa.Column("entered_by", sa.Text, nullable=False),
    sa.Column("entered_at", Utc, nullable=False),
    sa.Column("retracted_at", Utc),
    sa.Column("retracted_by", sa.Text),
    sa.Column("retracted_because", sa.Text),
)
_person = sa.Table(
    "disclosed_person",
    _metadata,
    sa.Column("disclosure_id", sa.String(36), primary_key=True),
    sa.Column("mark", sa.LargeBinary(32), primary_key=True, index=True),
)


class Scope(StrEnum):
    """About whom: people who were named, or everybody of a zone or tenant."""

    NAMED = "named"
    ZONE = "zone"
    ORG = "org"


@dataclass(frozen=True, slots=True)
class Disclosure:
    """One of them. `scope_value`: which zone or tenant; `people`: how many they were."""

    disclosure_id: str
    disclosed_at: datetime
    recipient: str
    purpose: str
    legal_basis: str
    datasets: tuple[str, ...]
    scope: str
    scope_value: str | None
    people: int
    entered_by: str
    entered_at: datetime
    retracted_at: datetime | None = None
    retracted_by: str | None = None
    retracted_because: str | None = None


class Disclosures:
    """The register in the vault's database. People go in and are asked for by the vault's digest of their account."""

    def __init__(self, vault: SqlVault) -> None:
        self._engine = vault.engine
        self._key = vault.key_for(_KEY_OF)
        create_tables(vault.engine, _metadata)

    def add(self, entry: Disclosure, digests: Collection[bytes]) -> None:
        people = [{"disclosure_id": entry.disclosure_id, "mark": self._mark(digest)} for digest in set(digests)]
        with self._engine.begin() as db:
            db.execute(sa.insert(_disclosure), asdict(entry) | {"datasets": json.dumps(entry.datasets)})
            db.execute(sa.insert(_person), people)

    def retract(self, disclosure_id: str, at: datetime, by: str, because: str, is_unsaid: bool = False) -> None:
        """Raises BadInputError where there is no such entry, or it is retracted already. `is_unsaid`: no byte of its words stays."""
        mine = sa.and_(_disclosure.c.disclosure_id == disclosure_id, _disclosure.c.retracted_at.is_(None))
        words = {"recipient": UNSAID, "purpose": UNSAID} if is_unsaid else {}
        with self._engine.begin() as db:
            change = sa.update(_disclosure).where(mine).values(retracted_at=at, retracted_by=by, retracted_because=because, **words)
            if not db.execute(change).rowcount:
                raise BadInputError(f"no entry {disclosure_id!r} stands", hint="`lakehouse privacy disclosures` names those that do")
        if is_unsaid:
            leave_no_trace(self._engine, _person, _disclosure)

    def all(self) -> list[Disclosure]:
        """The oldest first."""
        return self._select(sa.true())

    def of(self, digest: bytes) -> list[Disclosure]:
        """Those about one person."""
        mine = sa.select(_person.c.disclosure_id).where(_person.c.mark == self._mark(digest))
        return self._select(_disclosure.c.disclosure_id.in_(mine))

    def naming(self, digests: Collection[bytes]) -> set[str]:
        """Ids of those about any of these people."""
        marks, found = [self._mark(digest) for digest in digests], set()
        with self._engine.connect() as db:
            for at in range(0, len(marks), _AT_ONCE):
                some = _person.c.mark.in_(marks[at : at + _AT_ONCE])
                found |= set(db.scalars(sa.select(_person.c.disclosure_id).distinct().where(some)))
        return found

    def remove(self, disclosure_ids: Collection[str]) -> None:
        with self._engine.begin() as db:
            for table in (_person, _disclosure):
                for one in disclosure_ids:
                    db.execute(sa.delete(table).where(table.c.disclosure_id == one))
        leave_no_trace(self._engine, _person, _disclosure)

    def _mark(self, digest: bytes) -> bytes:
        return hmac.digest(self._key, digest, "sha256")

    def _select(self, condition: sa.ColumnElement) -> list[Disclosure]:
        columns = [_disclosure.c[f.name] for f in fields(Disclosure)]
        query = sa.select(*columns).where(condition).order_by(_disclosure.c.disclosed_at, _disclosure.c.disclosure_id)
        with self._engine.connect() as db:
            found = [Disclosure(*row) for row in db.execute(query)]
        return [replace(one, datasets=tuple(json.loads(one.datasets))) for one in found]
