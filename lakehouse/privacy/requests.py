"""The register of requests: what people asked of us about their data, by when it is due, and how far it is.

    erasure              received ─▶ verified ─▶ closed (stage 1) ─▶ purged (stage 2) ─▶ proved: there is a receipt
                                        └─▶ held: a legal hold covers the person, and closing waits for its release
    restriction, lifting received ─▶ verified ─▶ closed: no reader sees the person, or every one does again ─▶ answered: nor do figures
    the others           received ─▶ verified ─▶ answered, with evidence
                             └─▶ refused, with a reason

It stands in the vault's database and names nobody: a person is a keyed digest. What an answer must know until it is given, the
identifiers to look for and the pseudonym to delete by, is sealed under a key of that request's own, and both go with the answer: of
an older copy of the database the next rotation leaves nothing that could be opened.
"""

import hashlib
import json
from collections.abc import Collection
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum

import sqlalchemy as sa

from lakehouse.errors import BadInputError
from lakehouse.privacy.seal import new_key, seal, unseal
from lakehouse.privacy.vault import SqlVault
from lakehouse.storage.sql import INSERT, Utc, create_tables, leave_no_trace


class Kind(StrEnum):
    """What is asked: GDPR's article, and PIPA's."""

    ERASURE = "erasure"  # 17; 36
    ACCESS = "access"  # 15; 35
    PORTABILITY = "portability"  # 20; 35-2
    RECTIFICATION = "rectification"  # 16; 36
    RESTRICTION = "restriction"  # 18; 37
    LIFTING = "lifting"  # of a restriction: 18(3); 37


_PIPA = {
    Kind.ERASURE: 10,
    Kind.ACCESS: 10,
    Kind.PORTABILITY: 10,  # "without delay"; we take the term of access, which has the same answer
    Kind.RECTIFICATION: 10,
    Kind.RESTRICTION: 10,
    Kind.LIFTING: 10,
}
DUE = {
    "pipa": {kind: timedelta(days=days) for kind, days in _PIPA.items()},
    "gdpr": {kind: timedelta(days=30) for kind in Kind},
}
"""Time to answer, by law and kind. PIPA: 10 days (Enforcement Decree, articles 41 to 44); GDPR: one month (article 12(3)), here its
shortest."""

RUNBOOK = "docs/how_to/answer_a_request.md"
"""How those answer it who are to act on one; alerts name it."""
_LAST = ("refused", "proved", "answered")
"""States in which nothing is known of the person any more."""

_metadata = sa.MetaData()
_request = sa.Table(
    "privacy_request",
    _metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject_digest", sa.LargeBinary(32), nullable=False),
    sa.Column("request_channel", sa.String(32), nullable=False),
    sa.Column("requester_role", sa.String(32), nullable=False),
    sa.Column("law", sa.String(8), nullable=False),
    sa.Column("received_at", Utc, nullable=False),
    sa.Column("due_at", Utc, nullable=False),
    sa.Column("verified_at", Utc),
    sa.Column("verified_by", sa.Text),
    sa.Column("refused_at", Utc),
    sa.Column("refused_because", sa.Text),
    sa.Column("held_at", Utc),
    sa.Column("closed_at", Utc),
    sa.Column("purged_at", Utc),
    sa.Column("proved_at", Utc),
    sa.Column("answered_at", Utc),
    sa.Column("whom", sa.LargeBinary),
    sa.Column("progress", sa.Text, nullable=False, server_default="{}"),
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request. Moments are in UTC; the last of them that is there says how far it is."""

    request_id: str
    kind: str
    subject_digest: bytes
    request_channel: str
    requester_role: str
    law: str
    received_at: datetime
    due_at: datetime
    verified_at: datetime | None = None
    verified_by: str | None = None
    refused_at: datetime | None = None
    refused_because: str | None = None
    held_at: datetime | None = None
    closed_at: datetime | None = None
    purged_at: datetime | None = None
    proved_at: datetime | None = None
    answered_at: datetime | None = None

    @property
    def state(self) -> str:
        reached = ("refused", "answered", "proved", "purged", "closed", "held", "verified")
        return next((name for name in reached if getattr(self, f"{name}_at")), "received")

    @property
    def moments(self) -> dict[str, datetime | None]:
        """When it reached each state, and when it is due."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_at")}

    @property
    def is_open(self) -> bool:
        return not any(getattr(self, f"{state}_at") for state in _LAST)


@dataclass(frozen=True, slots=True)
class Correction:
    """What a rectification asks for: this field of this dataset, of this row where a person has several, is to have that value."""

    dataset: str
    field: str
    value: str
    row: str | None = None


@dataclass(frozen=True, slots=True)
class Whom:
    """A person whom a request is about, until it is answered. `identifiers`: what else they are known by, to be searched for.
    `reason`: why their data is not to be used, of a restriction."""

    subject: str
    identifiers: tuple[str, ...] = ()
    pid: str | None = None
    key_id: str | None = None
    correction: Correction | None = None
    reason: str | None = None

    @property
    def traces(self) -> tuple[str, ...]:
        """Everything that may be found nowhere once they are forgotten; the key's name apart, which only names bytes that
        nobody can read."""
        return tuple(dict.fromkeys(text for text in (self.subject, *self.identifiers, self.pid) if text))


_KEYS = "request:"


class Requests:
    """The register, in the vault's database."""

    def __init__(self, vault: SqlVault) -> None:
        self._engine = vault.engine
        self._vault = vault
        create_tables(vault.engine, _metadata)

    def add(self, request: Request, whom: Whom) -> bool:
        """False where a request of this id is there already: it stays as it was."""
        name, insert = _key_of(request.request_id), INSERT[self._engine.dialect.name](_request)
        insert = insert.on_conflict_do_nothing().returning(_request.c.request_id)

        def put(db: sa.Connection) -> bool:
            key = new_key()
            if db.scalar(insert, asdict(request) | {"whom": _sealed(key, request.request_id, whom)}) is None:
                return False
            self._vault.keyring.put(db, [(name, name)], [key])
            return True

        return self._vault.keyring.writing(put)

    def get(self, request_id: str) -> Request:
        """Raises BadInputError."""
        found = self._select(_request.c.request_id == request_id)
        if not found:
            raise BadInputError(f"no request {request_id!r}", hint="`lakehouse privacy requests` names them")
        return found[0]

    def known(self, request_ids: Collection[str]) -> set[str]:
        with self._engine.connect() as db:
            return set(db.scalars(sa.select(_request.c.request_id).where(_request.c.request_id.in_(list(request_ids)))))

    def all(self) -> list[Request]:
        """Those that are due first, first."""
        return self._select(sa.true())

    def waiting(self, kind: Kind, after: str, before: str) -> list[Request]:
        """Those that have reached the state `after` and not yet `before`."""
        reached, missing = _request.c[f"{after}_at"], _request.c[f"{before}_at"]
        return self._select(sa.and_(_request.c.kind == kind, _request.c.refused_at.is_(None), reached.is_not(None), missing.is_(None)))

    def of(self, subject_digest: bytes) -> list[Request]:
        """Everything that was asked about one person."""
        return self._select(_request.c.subject_digest == subject_digest)

    def overdue(self, now: datetime, ahead: timedelta) -> list[Request]:
        """Open ones that are due within `ahead`, or were."""
        return [one for one in self._select(_request.c.due_at <= now + ahead) if one.is_open]

    def whom(self, request_id: str) -> Whom:
        """Raises BadInputError where it is no longer known: the request is answered."""
        with self._engine.connect() as db:
            sealed = db.scalar(sa.select(_request.c.whom).where(_request.c.request_id == request_id))
        if sealed is None:
            raise _not_known(request_id)
        said = json.loads(unseal(self._key(request_id), sealed, request_id.encode()))
        correction = said.get("correction") and Correction(**said["correction"])
        return Whom(**said | {"identifiers": tuple(said["identifiers"]), "correction": correction})

    def note(self, request_id: str, whom: Whom) -> None:
        sealed = _sealed(self._key(request_id), request_id, whom)
        with self._engine.begin() as db:
            db.execute(sa.update(_request).where(_request.c.request_id == request_id).values(whom=sealed))

    def progress(self, request_id: str) -> dict:
        """What earlier steps left to be told in the receipt."""
        with self._engine.connect() as db:
            return json.loads(db.scalar(sa.select(_request.c.progress).where(_request.c.request_id == request_id)) or "{}")

    def reach(self, request_id: str, state: str, at: datetime, by: str | None = None, **progress: object) -> Request:
        """A state is reached once; its moment stays that of the first time. With the last of them nobody knows whom it was about."""
        column = _request.c[f"{state}_at"]
        values = {"verified": {"verified_by": by}, "refused": {"refused_because": by}}.get(state, {}) | (
            {"whom": None} if state in _LAST else {}
        )
        mine = _request.c.request_id == request_id
        with self._engine.begin() as db:
            db.execute(sa.update(_request).where(mine).values({column.name: sa.func.coalesce(column, sa.literal(at, Utc))} | values))
            if progress:
                _add_to_progress(db, mine, progress)
        return self.get(request_id)

    def tell(self, request_id: str, **progress: object) -> None:
        """Leave something for a later step, whatever state it is in."""
        mine = _request.c.request_id == request_id
        with self._engine.begin() as db:
            db.execute(sa.update(_request).where(mine).values(progress=_request.c.progress))
            _add_to_progress(db, mine, progress)

    def refuse(self, request_id: str, why: str) -> Request:
        """It ends here, and whom it was about is known no longer."""
        refused = self.reach(request_id, "refused", datetime.now(UTC), by=why)
        self.let_go()
        return refused

    def let_go(self) -> None:
        """After requests reached their last state: their keys go, and what is left of it in the database's files."""
        there = self._vault.named(_KEYS)  # before it is asked which are open: one that is added now is not among them
        with self._engine.connect() as db:
            known = {_key_of(one) for one in db.scalars(sa.select(_request.c.request_id).where(_request.c.whom.is_not(None)))}
        self._vault.destroy(set(there) - known)
        leave_no_trace(self._engine, _request)

    def _key(self, request_id: str) -> bytes:
        name = _key_of(request_id)
        if (known := self._vault.keys([name]).get(name)) is None:
            raise _not_known(request_id)
        return known.key

    def _select(self, condition: sa.ColumnElement) -> list[Request]:
        columns = [_request.c[f.name] for f in fields(Request)]
        query = sa.select(*columns).where(condition).order_by(_request.c.due_at, _request.c.request_id)
        with self._engine.connect() as db:
            return [Request(*row) for row in db.execute(query)]


def _add_to_progress(db: sa.Connection, mine: sa.ColumnElement, progress: dict) -> None:
    """After a change in the same transaction, so that whoever else adds to it waits."""
    told = json.loads(db.scalar(sa.select(_request.c.progress).where(mine)) or "{}") | progress
    db.execute(sa.update(_request).where(mine).values(progress=json.dumps(told)))


def _key_of(request_id: str) -> str:
    return _KEYS + hashlib.sha256(request_id.encode()).hexdigest()[:24]


def _sealed(key: bytes, request_id: str, whom: Whom) -> bytes:
    return seal(key, json.dumps(asdict(whom)).encode(), request_id.encode())


def _not_known(request_id: str) -> BadInputError:
    return BadInputError(
        f"nothing is known of the person of {request_id}",
        hint="the request is answered; of an erasure that is proved there is a receipt in platform/privacy/receipts of the lake",
    )


def due_at(received_at: datetime, law: str, kind: Kind = Kind.ERASURE) -> datetime:
    return received_at.astimezone(UTC) + DUE[law][kind]
