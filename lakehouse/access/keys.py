"""API keys: a random id, and a secret that is shown once. Of the secret only the digest is kept.

    create ─▶ mck_<id>_<secret> ─▶ whoever sends        Authorization: Bearer mck_<id>_<secret>
        └───▶ access_key(key_id, SHA-256 of the whole, scopes, zones, orgs, limits, times) ◀─ find, by its id

The secret has 256 random bits, so that a plain digest is enough: there is nothing to guess that a slow one would protect.
"""

import contextlib
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from lakehouse.access.caller import Caller, RateLimit, Role, Scope
from lakehouse.errors import BadInputError
from lakehouse.storage.sql import Utc, create_tables

PREFIX = "mck_"
_ID_BYTES, _SECRET_BYTES = 8, 32
_KEY_ID = re.compile(rf"[0-9a-f]{{{2 * _ID_BYTES}}}")


_metadata = sa.MetaData()
_key = sa.Table(
    "access_key",
    _metadata,
    sa.Column("key_id", sa.String(2 * _ID_BYTES), primary_key=True),
    sa.Column("digest", sa.LargeBinary(32), nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("scopes", sa.Text, nullable=False),
    sa.Column("zones", sa.Text),
    sa.Column("orgs", sa.Text),
    sa.Column("events_per_s", sa.Float(53), nullable=False),
    sa.Column("bytes_per_s", sa.Float(53), nullable=False),
    sa.Column("burst_s", sa.Float(53), nullable=False),
    sa.Column("created_at", Utc, nullable=False),
    sa.Column("expires_at", Utc, nullable=False),
    sa.Column("revoked_at", Utc),
    sa.Column("replaces", sa.String(2 * _ID_BYTES)),
    sa.Column("role", sa.Text),  # younger than the table: see _add_what_is_younger
)


@dataclass(frozen=True, slots=True)
class Key:
    """A key as it is kept. `purpose` says what it is for, never who holds it; `replaces` is the key it was rotated from."""

    key_id: str
    purpose: str
    scopes: frozenset[Scope]
    zones: frozenset[str] | None
    orgs: frozenset[int] | None
    limit: RateLimit
    created_at: datetime
    expires_at: datetime
    revoked_at: datetime | None = None
    replaces: str | None = None
    role: Role | None = None

    def state(self, now: datetime) -> str:
        return "revoked" if self.revoked_at else "expired" if self.expires_at <= now else "active"

    @property
    def caller(self) -> Caller:
        return Caller(self.key_id, self.scopes, self.zones, self.orgs, limit=self.limit, expires_at=self.expires_at, role=self.role)


class KeyStore:
    """Keys in a database that SQLAlchemy speaks to: SQLite here, PostgreSQL in the cloud. For several threads."""

    def __init__(self, engine: sa.Engine) -> None:
        self._engine = engine
        create_tables(engine, _metadata)
        _add_what_is_younger(engine)

    def create(self, key: Key) -> str:
        """Keep `key` under a new id; the key as its holder must send it, which nobody can ever show again."""
        key_id = secrets.token_hex(_ID_BYTES)
        shown = f"{PREFIX}{key_id}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        with self._engine.begin() as db:
            db.execute(sa.insert(_key), _row(replace(key, key_id=key_id)) | {"digest": _digest(shown)})
        return shown

    def find(self, shown: str, now: datetime) -> Key | None:
        """The key that was shown as this; None where there is none, or it is revoked or has expired."""
        key_id = key_id_of(shown)
        if not _KEY_ID.fullmatch(key_id):
            return None  # a stranger may show anything, and PostgreSQL does not take a NUL even in a question
        with self._engine.connect() as db:
            row = db.execute(sa.select(_key).where(_key.c.key_id == key_id)).one_or_none()
        if row is None or not hmac.compare_digest(row.digest, _digest(shown)):
            return None
        key = _read(row)
        return key if key.state(now) == "active" else None

    def get(self, key_id: str) -> Key:
        """Raises BadInputError. Whoever has only the key itself may name that; it is not told back."""
        key_id = key_id_of(key_id)
        with self._engine.connect() as db:
            row = db.execute(sa.select(_key).where(_key.c.key_id == key_id)).one_or_none()
        if row is None:
            raise BadInputError(f"no key {key_id!r}", hint="`lakehouse keys list` names them")
        return _read(row)

    def all(self) -> Sequence[Key]:
        """Oldest first."""
        with self._engine.connect() as db:
            return [_read(row) for row in db.execute(sa.select(_key).order_by(_key.c.created_at, _key.c.key_id))]

    def revoke(self, key_id: str, now: datetime) -> Key:
        """Raises BadInputError. Doors that have just seen it let it in for LAKEHOUSE_ACCESS_CACHE_SECONDS more."""
        self._update(self.get(key_id).key_id, revoked_at=sa.func.coalesce(_key.c.revoked_at, sa.literal(now, Utc)))
        return self.get(key_id)

    def rotate(self, key_id: str, now: datetime, life: timedelta, overlap: timedelta) -> str:
        """A new key with the same rights; the old one ends after `overlap`. Raises BadInputError where it ended already."""
        old = self.get(key_id)
        if old.state(now) != "active":
            raise BadInputError(f"the key {old.key_id} is {old.state(now)}", hint="make a new one: `lakehouse keys create --help`")
        shown = self.create(replace(old, created_at=now, expires_at=now + life, replaces=old.key_id))
        self._update(old.key_id, expires_at=min(old.expires_at, now + overlap))
        return shown

    def close(self) -> None:
        self._engine.dispose()

    def _update(self, key_id: str, **values: object) -> None:
        with self._engine.begin() as db:
            db.execute(sa.update(_key).where(_key.c.key_id == key_id).values(**values))


def key_id_of(shown: str) -> str:
    return shown.removeprefix(PREFIX).partition("_")[0]


def _digest(shown: str) -> bytes:
    return hashlib.sha256(shown.encode()).digest()


def _row(key: Key) -> dict[str, object]:
    return {
        "key_id": key.key_id,
        "purpose": key.purpose,
        "scopes": " ".join(sorted(key.scopes)),
        "zones": None if key.zones is None else " ".join(sorted(key.zones)),
        "orgs": None if key.orgs is None else " ".join(map(str, sorted(key.orgs))),
        "events_per_s": key.limit.events_per_s,
        "bytes_per_s": key.limit.bytes_per_s,
        "burst_s": key.limit.burst_s,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "replaces": key.replaces,
        "role": key.role,
    }


def _read(row: sa.Row) -> Key:
    known = {str(scope) for scope in Scope}
    return Key(
        row.key_id,
        row.purpose,
        frozenset(Scope(s) for s in row.scopes.split() if s in known),  # a scope that a newer version knows gives no right here
        None if row.zones is None else frozenset(row.zones.split()),
        None if row.orgs is None else frozenset(map(int, row.orgs.split())),
        RateLimit(row.events_per_s, row.bytes_per_s, row.burst_s),
        row.created_at,
        row.expires_at,
        row.revoked_at,
        row.replaces,
        Role(row.role) if row.role in set(Role) else None,
    )


def _add_what_is_younger(engine: sa.Engine) -> None:
    """A store that was made before keys had roles gets the column; of two processes that find it missing one adds it."""
    if "role" not in {column["name"] for column in sa.inspect(engine).get_columns(_key.name)}:
        with contextlib.suppress(sa.exc.OperationalError, sa.exc.ProgrammingError), engine.begin() as db:
            db.execute(sa.text("ALTER TABLE access_key ADD COLUMN role TEXT"))
