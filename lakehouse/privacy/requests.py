"""The register of requests: what people asked of us about their data, by when it is due, and how far it is.

    erasure              received ─▶ verified ─▶ closed (stage 1) ─▶ purged (stage 2) ─▶ proved: there is a receipt
                                        └─▶ held: a legal hold covers the person, and closing waits for its release
    restriction, lifting received ─▶ verified ─▶ closed: no reader sees the person, or every one does again ─▶ answered: nor do figures
    the others           received ─▶ verified ─▶ answered, with evidence
                             └─▶ refused, with a reason

It stands in the vault's database and names nobody: a person is a keyed digest. What an answer must know until it is given, the
identifiers to look for and the pseudonym to delete by, is sealed under a key of the vault, and removed with the answer.
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import sqlalchemy as sa

from lakehouse.errors import BadInputError
from lakehouse.privacy.seal import seal, unseal
from lakehouse.storage.sql import Utc, create_tables, empty_the_log

if TYPE_CHECKING:
    from lakehouse.privacy.vault import SqlVault


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


_metadata = sa.MetaData()
_request = sa.Table(
    "privacy_request",
    _metadata,
    sa.Column("request_id", sa.String(64), primary_key=True),
    sa.Column("kind", sa.String(16), nullable=False),
    sa.Column("subject_digest", sa.LargeBinary(32), nullable=False, index=True),
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
        return self.proved_at is None and self.refused_at is None and self.answered_at is None


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


class Requests:
    """The register in the vault's database. `key` seals what it knows of people."""

    def __init__(self, engine: sa.Engine, key: bytes) -> None:
        self._engine = engine
        self._key = key
        create_tables(engine, _metadata)

    def add(self, request: Request, whom: Whom) -> bool:
        """False where a request of this id is there already: it stays as it was."""
        row = asdict(request) | {"whom": self._sealed(request.request_id, whom)}
        with self._engine.begin() as db:
            if db.scalar(sa.select(_request.c.request_id).where(_request.c.request_id == request.request_id)):
                return False
            db.execute(sa.insert(_request), row)
        return True

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
            raise BadInputError(
                f"nothing is known of the person of {request_id}",
                hint="the request is answered; of an erasure that is proved there is a receipt in platform/privacy/receipts of the lake",
            )
        said = json.loads(unseal(self._key, sealed, request_id.encode()))
        correction = said.get("correction") and Correction(**said["correction"])
        return Whom(**said | {"identifiers": tuple(said["identifiers"]), "correction": correction})

    def note(self, request_id: str, whom: Whom) -> None:
        self._update(request_id, whom=self._sealed(request_id, whom))

    def progress(self, request_id: str) -> dict:
        """What earlier steps left to be told in the receipt."""
        with self._engine.connect() as db:
            return json.loads(db.scalar(sa.select(_request.c.progress).where(_request.c.request_id == request_id)) or "{}")

    def reach(self, request_id: str, state: str, at: datetime, by: str | None = None, **progress: object) -> Request:
        """A state is reached once; its moment stays that of the first time."""
        column = _request.c[f"{state}_at"]
        more = {"verified_by": by} if state == "verified" else {"refused_because": by} if state == "refused" else {}
        told = json.dumps(self.progress(request_id) | progress) if progress else _request.c.progress
        self._update(request_id, **{column.name: sa.func.coalesce(column, sa.literal(at, Utc)), "progress": told}, **more)
        return self.get(request_id)

    def tell(self, request_id: str, **progress: object) -> None:
        """Leave something for a later step, whatever state it is in."""
        self._update(request_id, progress=json.dumps(self.progress(request_id) | progress))

    def refuse(self, request_id: str, why: str) -> Request:
        """It ends here, and whom it was about is known no longer."""
        refused = self.reach(request_id, "refused", datetime.now(UTC), by=why)
        self.let_go([request_id])
        return refused

    def let_go(self, request_ids: Sequence[str]) -> None:
        """Know no longer whom these were about."""
        for request_id in request_ids:
            self._update(request_id, whom=None)
        empty_the_log(self._engine)

    def _sealed(self, request_id: str, whom: Whom) -> bytes:
        return seal(self._key, json.dumps(asdict(whom)).encode(), request_id.encode())

    def _update(self, request_id: str, **values: object) -> None:
        with self._engine.begin() as db:
            db.execute(sa.update(_request).where(_request.c.request_id == request_id).values(**values))

    def _select(self, condition: sa.ColumnElement) -> list[Request]:
        columns = [_request.c[f.name] for f in fields(Request)]
        query = sa.select(*columns).where(condition).order_by(_request.c.due_at, _request.c.request_id)
        with self._engine.connect() as db:
            return [Request(*row) for row in db.execute(query)]


def register(vault: "SqlVault") -> Requests:
    """The one in this vault's database."""
    return Requests(vault.engine, vault.key_for("requests"))


def due_at(received_at: datetime, law: str, kind: Kind = Kind.ERASURE) -> datetime:
    return received_at.astimezone(UTC) + DUE[law][kind]
