"""The vault: who is who, and the keys to what they sent. Two tables, and no identifier in clear in either.

    subject ─ HMAC ─▶ subject(digest → pid) ─▶ data_key(pid → key, wrapped) ◀─ "day:2026-01-31", for payloads about nobody
                                                        ▲
                       KeyWrapper (a key file, Cloud KMS) ─▶ master key, unwrapped once a process

One round trip to a key service a data key would cost tens of thousands of them a batch; so the service wraps the
vault's one master key, and the master key wraps the data keys. A person whose data_key row is gone is forgotten: the
row in `subject` stays behind as a keyed tombstone.
"""

import hmac
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date
from itertools import islice
from pathlib import Path
from typing import Protocol

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from sqlalchemy.dialects import postgresql, sqlite

from lakehouse.errors import CorruptError, SettingsError
from lakehouse.privacy.seal import KEY_BYTES, new_key, seal, seal_all, unseal, unseal_all
from lakehouse.storage.durable import make_folder, sync_folder, write_all
from lakehouse.storage.protocols import SubjectKey
from lakehouse.storage.sql import create_tables

_CHUNK = 5_000  # values in one statement; SQLite takes 32,766

_metadata = sa.MetaData()
_master = sa.Table(
    "master_key", _metadata, sa.Column("id", sa.Integer, primary_key=True), sa.Column("wrapped", sa.LargeBinary, nullable=False)
)
_subject = sa.Table(
    "subject",
    _metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("pid", sa.String(32), nullable=False, unique=True),
)
_data_key = sa.Table(
    "data_key", _metadata, sa.Column("pid", sa.String(32), primary_key=True), sa.Column("wrapped", sa.LargeBinary, nullable=False)
)
_INSERT = {"sqlite": sqlite.insert, "postgresql": postgresql.insert}  # both know ON CONFLICT DO NOTHING


class KeyWrapper(Protocol):
    """Whatever guards the master key."""

    def wrap(self, key: bytes) -> bytes: ...

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises CorruptError where it was not wrapped by this one."""


class KeyFile:
    """KeyWrapper of the local profile: a key in a file that only its owner may read, made on first use."""

    _AAD = b"vault master key"

    def __init__(self, path: Path) -> None:
        self._path = path
        if not path.exists():
            self._make()
        self._key = path.read_bytes()
        if len(self._key) != KEY_BYTES:
            raise CorruptError(f"{path} is no key", hint="restore it from your backup: without it nothing in raw can be read")

    def _make(self) -> None:
        """Several processes may come here at once: link() lets the first one's key stand."""
        make_folder(self._path.parent)
        draft = self._path.with_name(f"{self._path.name}.{os.urandom(4).hex()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(fd, new_key())
            os.fsync(fd)
            os.link(draft, self._path)
        except FileExistsError:
            pass
        finally:
            os.close(fd)
            draft.unlink()
        sync_folder(self._path.parent)

    def wrap(self, key: bytes) -> bytes:
        return seal(self._key, key, self._AAD)

    def unwrap(self, wrapped: bytes) -> bytes:
        try:
            return unseal(self._key, wrapped, self._AAD)
        except CorruptError as error:
            raise CorruptError("the vault was made with another master key", hint=f"restore {self._path} as it was") from error


class SqlVault:
    """Vault in any database SQLAlchemy speaks to that knows ON CONFLICT: SQLite here, PostgreSQL in the cloud."""

    def __init__(self, engine: sa.Engine, wrapper: KeyWrapper) -> None:
        """Raises CorruptError where `wrapper` is not the one that the vault was made with."""
        if engine.dialect.name not in _INSERT:
            raise SettingsError(f"no vault on {engine.dialect.name}", hint=f"LAKEHOUSE_VAULT_URL: use one of {', '.join(_INSERT)}")
        self._engine = engine
        self._insert = _INSERT[engine.dialect.name]
        create_tables(engine, _metadata)
        master = self._master_key(wrapper)
        self._digest_key = _derive(master, b"subject digest")
        self._wrapping_key = _derive(master, b"data key wrapping")

    def subjects(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """Pseudonym and key of each, made on first sight. A subject whose key was destroyed is absent from the answer."""
        digests = {hmac.digest(self._digest_key, s.encode(), "sha256"): s for s in set(subjects)}
        found: dict[bytes, tuple[str, bytes | None]] = {}
        with self._engine.connect() as db:
            for chunk in _chunks(digests):
                found |= self._find(db, chunk)
        # In one order for everybody: two processes that make the same people must not wait for each other in a circle.
        for chunk in _chunks(sorted(d for d in digests if d not in found)):
            with self._engine.begin() as db:
                found |= self._make(db, chunk)
        rows = [(digests[digest], pid, wrapped) for digest, (pid, wrapped) in found.items() if wrapped is not None]
        keys = self._unwrap([pid for _, pid, _ in rows], [wrapped for *_, wrapped in rows])
        return {subject: SubjectKey(pid, key) for (subject, pid, _), key in zip(rows, keys)}

    def day_key(self, day: date) -> SubjectKey:
        pid = f"day:{day.isoformat()}"
        known = self.keys([pid])
        if pid not in known:
            with self._engine.begin() as db:
                self._add(db, _data_key, [{"pid": pid, "wrapped": self._wrap([pid])[0]}])
            known = self.keys([pid])
        return SubjectKey(pid, known[pid])

    def keys(self, pids: Collection[str]) -> dict[str, bytes]:
        """Data keys by pseudonym (or day pid). A destroyed or unknown one is absent from the answer."""
        rows: list[sa.Row] = []
        with self._engine.connect() as db:
            for chunk in _chunks(set(pids)):
                rows += db.execute(sa.select(_data_key.c.pid, _data_key.c.wrapped).where(_data_key.c.pid.in_(chunk)))
        return dict(zip((r.pid for r in rows), self._unwrap([r.pid for r in rows], [r.wrapped for r in rows])))

    def close(self) -> None:
        self._engine.dispose()

    def _find(self, db: sa.Connection, digests: list[bytes]) -> dict[bytes, tuple[str, bytes | None]]:
        query = sa.select(_subject.c.digest, _subject.c.pid, _data_key.c.wrapped).outerjoin(_data_key, _data_key.c.pid == _subject.c.pid)
        return {digest: (pid, wrapped) for digest, pid, wrapped in db.execute(query.where(_subject.c.digest.in_(digests)))}

    def _make(self, db: sa.Connection, digests: list[bytes]) -> dict[bytes, tuple[str, bytes | None]]:
        """In one transaction, so that nobody sees a subject without its key. Whom another process made meanwhile, we take."""
        random = os.urandom(16 * len(digests)).hex()
        pids = {digest: random[32 * at : 32 * at + 32] for at, digest in enumerate(digests)}
        self._add(db, _subject, [{"digest": d, "pid": p} for d, p in pids.items()])
        ours = [pids[d] for d, (pid, _) in self._find(db, digests).items() if pid == pids[d]]
        if ours:
            self._add(db, _data_key, [{"pid": p, "wrapped": w} for p, w in zip(ours, self._wrap(ours))])
        return self._find(db, digests)

    def _add(self, db: sa.Connection, table: sa.Table, rows: list[dict]) -> None:
        db.execute(self._insert(table).on_conflict_do_nothing(), rows)

    def _wrap(self, pids: Sequence[str]) -> list[bytes]:
        """New data keys, each bound to its pseudonym."""
        return seal_all([self._wrapping_key] * len(pids), [new_key() for _ in pids], [p.encode() for p in pids])

    def _unwrap(self, pids: Sequence[str], wrapped: Sequence[bytes]) -> list[bytes]:
        return unseal_all([self._wrapping_key] * len(pids), wrapped, [p.encode() for p in pids])

    def _master_key(self, wrapper: KeyWrapper) -> bytes:
        query = sa.select(_master.c.wrapped).where(_master.c.id == 1)
        with self._engine.begin() as db:
            wrapped = db.scalar(query)
            if wrapped is None:
                self._add(db, _master, [{"id": 1, "wrapped": wrapper.wrap(new_key())}])
                wrapped = db.scalar(query)
        return wrapper.unwrap(wrapped)


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"megacity vault: " + purpose).derive(master)


def _chunks(values: Iterable) -> Iterator[list]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
