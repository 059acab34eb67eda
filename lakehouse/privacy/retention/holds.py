"""Legal holds: what must not go, whatever its age and whoever asks, until somebody lets it go again.

    hold add ─▶ vault's database, audit log ─▶ retention leaves what it covers, and says so; an erasure of whom it covers waits

By contract, zone, tenant or person; a person is a keyed digest, so that the list names nobody. The reason is a case number or
the like: it is refused where it looks as if it named somebody.
"""

from collections.abc import Collection
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from lakehouse.errors import BadInputError
from lakehouse.log import safe
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.literals import literal
from lakehouse.storage.sql import Utc, create_tables


class Of(StrEnum):
    CONTRACT = "contract"
    ZONE = "zone"
    ORG = "org"
    PERSON = "person"


_metadata = sa.MetaData()
_hold = sa.Table(
    "legal_hold",
    _metadata,
    sa.Column("hold_id", sa.String(36), primary_key=True),
    sa.Column("of", sa.String(16), nullable=False),
    sa.Column("value", sa.Text, nullable=False),  # of a person the digest
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("placed_by", sa.Text, nullable=False),
    sa.Column("placed_at", Utc, nullable=False),
    sa.Column("released_by", sa.Text),
    sa.Column("released_at", Utc),
)


@dataclass(frozen=True, slots=True)
class Hold:
    hold_id: str
    of: str
    value: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None = None
    released_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Held:
    """What is held now, in the terms of the lake: contracts, zones, tenants, pseudonyms, and names of data keys."""

    contracts: frozenset[str] = frozenset()
    zones: frozenset[str] = frozenset()
    orgs: frozenset[int] = frozenset()
    pids: frozenset[str] = frozenset()
    key_ids: frozenset[str] = frozenset()

    def condition(self, there: Collection[str], naming: Collection[str]) -> str:
        """In SQL: whether a row is held, of a table that has these columns, of which `naming` name people (by key in raw)."""
        wanted = [("zone_id", self.zones), ("org_id", self.orgs), *((name, self.pids | self.key_ids) for name in naming)]
        said = [f'coalesce("{name}" in ({_listed(values)}), false)' for name, values in wanted if values and name in there]
        return " or ".join(said) or "false"


class Holds:
    """The list, in the vault's database."""

    def __init__(self, vault: SqlVault) -> None:
        self._vault = vault
        create_tables(vault.engine, _metadata)

    def add(self, hold: Hold) -> None:
        """Raises BadInputError where the reason is none."""
        if not hold.reason.strip() or safe("reason", hold.reason) != hold.reason:
            raise BadInputError("the reason is empty, or names somebody", hint="give the number of the case, and no name")
        with self._vault.engine.begin() as db:
            db.execute(sa.insert(_hold), {f.name: getattr(hold, f.name) for f in fields(Hold)})

    def release(self, hold_id: str, by: str) -> Hold:
        """Raises BadInputError where there is no such hold, or it is released already."""
        mine = sa.and_(_hold.c.hold_id == hold_id, _hold.c.released_at.is_(None))
        with self._vault.engine.begin() as db:
            found = db.execute(sa.update(_hold).where(mine).values(released_by=by, released_at=datetime.now(UTC))).rowcount
        if not found:
            raise BadInputError(f"no hold {hold_id!r} is in force", hint="`lakehouse hold list` names those that are")
        return next(hold for hold in self.all() if hold.hold_id == hold_id)

    def all(self) -> list[Hold]:
        with self._vault.engine.connect() as db:
            return [Hold(*row) for row in db.execute(sa.select(*(_hold.c[f.name] for f in fields(Hold))).order_by(_hold.c.placed_at))]

    def in_force(self) -> list[Hold]:
        return [hold for hold in self.all() if hold.released_at is None]

    def held(self) -> Held:
        holds = self.in_force()
        of = {kind: frozenset(hold.value for hold in holds if hold.of == kind) for kind in Of}
        people = self._vault.by_digest([bytes.fromhex(digest) for digest in of[Of.PERSON]])
        pids, keys = frozenset(one.pid for one in people), frozenset(one.key_id for one in people)
        return Held(of[Of.CONTRACT], of[Of.ZONE], frozenset(int(org) for org in of[Of.ORG]), pids, keys)

    def on_person(self, digest: bytes) -> list[Hold]:
        """Those that name this very person."""
        return [hold for hold in self.in_force() if hold.of == Of.PERSON and hold.value == digest.hex()]


def _listed(values: Collection) -> str:
    return ", ".join(str(v) if isinstance(v, int) else literal(v) for v in sorted(values))
