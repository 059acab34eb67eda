"""The vault: who is who, and the keys to what they sent. No identifier in clear in any of its tables.

    subject ─ HMAC ─▶ subject(digest → pid) ─▶ data_key(pid ↔ key_id → key, wrapped) ◀─ "day:2026-01-31", for payloads about nobody
                                                        ▲
              KeyWrapper (key files, Cloud KMS) ─▶ master key, unwrapped once a process and made anew every 90 days (keyring.py)

    forget(): data_key's row goes, and the pid out of subject, where two keyed digests stay: the person's, who is known by it
    and refused when they come again, and the pid's, by which rows are known that a backup brings back.

One round trip to a key service a data key would cost tens of thousands of them a batch; so the service wraps the
vault's one master key, and the master key wraps the data keys. Raw names what it seals by key_id, clean names people by pid:
the one row that ties the two goes with the key, so that sealed bytes which lie about until they expire are nobody's.
"""

import hmac
import os
from collections.abc import Collection, Iterable, Iterator, Sequence
from datetime import date, datetime
from functools import partial
from itertools import islice

import sqlalchemy as sa

from lakehouse.errors import SettingsError
from lakehouse.privacy.key_file import KeyWrapper
from lakehouse.privacy.keyring import KEY, Keyring, data_key
from lakehouse.storage.protocols import SubjectKey, Tombstone
from lakehouse.storage.sql import INSERT, Utc, create_tables, leave_no_trace

_CHUNK = 5_000  # values in one statement; SQLite takes 32,766

_NAMES = sa.select(data_key.c.key_id)

_metadata = sa.MetaData()
_subject = sa.Table(
    "subject",
    _metadata,
    sa.Column("digest", sa.LargeBinary(32), primary_key=True),
    sa.Column("pid", sa.String(32), unique=True),
    sa.Column("forgotten_at", Utc),
    sa.Column("pid_digest", sa.LargeBinary(32), unique=True),
)


_region = sa.Table(
    "region", _metadata, sa.Column("only", sa.Boolean, primary_key=True), sa.Column("region_id", sa.String(32), nullable=False)
)

_forgettings = sa.Table(
    "forgettings", _metadata, sa.Column("only", sa.Boolean, primary_key=True), sa.Column("number", sa.Integer, nullable=False)
)


class SqlVault:
    """Vault in any database SQLAlchemy speaks to that knows ON CONFLICT: SQLite here, PostgreSQL in the cloud."""

    def __init__(self, engine: sa.Engine, wrapper: KeyWrapper) -> None:
        """Raises CorruptError where `wrapper` is not the one that the vault was made with."""
        self.keyring = Keyring(engine, wrapper)
        self.engine = engine
        self._insert = INSERT[engine.dialect.name]
        create_tables(engine, _metadata)
        self._digest_key = self.keyring.digest_key

    def settle(self, region_id: str) -> None:
        """Whoever opens a vault first says where its people live. Raises SettingsError from anywhere else: then nothing was read."""
        with self.engine.connect() as db:
            there = db.scalar(sa.select(_region.c.region_id))
        if there is None:
            with self.engine.begin() as db:
                self._add(db, _region, [{"only": True, "region_id": region_id}])
                there = db.scalar(sa.select(_region.c.region_id))
        if there != region_id:
            raise SettingsError(
                f"these people live in {there}, and this command runs as {region_id}: what is about them does not leave their region",
                hint=f"run it there, with LAKEHOUSE_REGION={there}; features alone are copied, by `lakehouse replicate`",
            )

    def subjects(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """Pseudonym and key of each, made on first sight. A subject who was forgotten is absent from the answer."""
        return self._subjects(subjects, is_made=True)

    def find(self, subjects: Collection[str]) -> dict[str, SubjectKey]:
        """The same of those who are known, and nobody is made."""
        return self._subjects(subjects, is_made=False)

    def _subjects(self, subjects: Collection[str], is_made: bool) -> dict[str, SubjectKey]:
        digests = self._digests(subjects)
        found: dict[bytes, tuple] = {}
        with self.engine.connect() as db:
            for chunk in _chunks(digests):
                found |= self._find(db, chunk)
        # In one order for everybody: two processes that make the same people must not wait for each other in a circle.
        for chunk in _chunks(sorted(d for d in digests if d not in found)) if is_made else ():
            found |= self.keyring.writing(partial(self._make, digests=chunk))
        rows = [(digests[digest], *known) for digest, known in found.items() if known[2] is not None]
        keys = self.keyring.unwrap([row[1:] for row in rows])
        return {subject: SubjectKey(pid, key, key_id) for (subject, pid, key_id, *_), key in zip(rows, keys)}

    def by_digest(self, digests: Collection[bytes]) -> list[SubjectKey]:
        """Of people whom a hold or a request names so; who was forgotten is absent."""
        found: list[tuple] = []
        with self.engine.connect() as db:
            for chunk in _chunks(set(digests)):
                found += [row for row in self._find(db, chunk).values() if row[2] is not None]
        return [SubjectKey(row[0], key, row[1]) for row, key in zip(found, self.keyring.unwrap(found))]

    def digests_of(self, pids: Collection[str]) -> set[bytes]:
        """By which requests and receipts name the people of these pseudonyms; who was forgotten is absent."""
        query = sa.select(_subject.c.digest)
        with self.engine.connect() as db:
            return {d for chunk in _chunks(set(pids)) for d in db.scalars(query.where(_subject.c.pid.in_(chunk)))}

    def day_key(self, day: date) -> SubjectKey:
        name = f"day:{day.isoformat()}"
        return SubjectKey(name, self.keyring.named(name), name)

    def column_key(self, is_compared: bool = False) -> SubjectKey:
        """Every generation of the master key has its own; earlier ones stay, for the values that name them."""
        name = "column:compared" if is_compared else f"column:{self.keyring.newest}"
        return SubjectKey(name, self.keyring.named(name), name)

    def named(self, beginning: str) -> list[str]:
        return self.keyring.names(beginning)

    def destroy(self, names: Collection[str]) -> int:
        return self.keyring.destroy(names)

    def keys(self, key_ids: Collection[str]) -> dict[str, SubjectKey]:
        """Owners and data keys by the name of the key. A destroyed or unknown one is absent from the answer."""
        return {known.key_id: known for known in self._keys(data_key.c.key_id, key_ids)}

    def people(self, pids: Collection[str]) -> dict[str, SubjectKey]:
        """The same by pseudonym."""
        return {known.pid: known for known in self._keys(data_key.c.pid, pids)}

    def _keys(self, by: sa.Column, values: Collection[str]) -> list[SubjectKey]:
        rows: list[sa.Row] = []
        with self.engine.connect() as db:
            for chunk in _chunks(set(values)):
                rows += db.execute(sa.select(*KEY).where(by.in_(chunk)))
        return [SubjectKey(row.pid, key, row.key_id) for row, key in zip(rows, self.keyring.unwrap(rows))]

    # -------------------------------------------------------------------------------------------------------- forgotten

    def forget(self, subjects: Collection[str], at: datetime) -> list[Tombstone]:
        """Destroy keys and pseudonyms. Whom the vault never met is refused from now on, too. Again, it does no harm: then
        the tombstones are those of the first time."""
        digests = sorted(self._digests(subjects))
        with self.engine.begin() as db:
            self._bury(db, [Tombstone(digest, None, at) for digest in digests])
            said = sa.select(_subject.c.digest, _subject.c.pid_digest, _subject.c.forgotten_at)
            stones = [Tombstone(*row) for chunk in _chunks(digests) for row in db.execute(said.where(_subject.c.digest.in_(chunk)))]
        leave_no_trace(self.engine, _subject, data_key)
        return sorted(stones, key=lambda stone: stone.subject_digest)

    def bury(self, tombstones: Sequence[Tombstone]) -> int:
        """Apply tombstones that this vault may lack because it was restored from a backup; how many it lacked."""
        with self.engine.begin() as db:
            lacked = self._bury(db, tombstones)
        if lacked:
            leave_no_trace(self.engine, _subject, data_key)
        return lacked

    def _bury(self, db: sa.Connection, stones: Sequence[Tombstone]) -> int:
        """How many of them were not forgotten yet. Everybody takes rows in one order, people by digest and keys by name: of two who
        take the same rows none waits for the other in a circle."""
        said = {stone.subject_digest: stone for stone in reversed(stones)}  # of two about one person the first holds
        digests = sorted(said)
        self._add(db, _subject, [{"digest": digest} for digest in digests])
        lives = sa.select(_subject.c.digest, _subject.c.pid).where(_subject.c.forgotten_at.is_(None)).order_by(_subject.c.digest)
        mine = [row for chunk in _chunks(digests) for row in db.execute(lives.where(_subject.c.digest.in_(chunk)).with_for_update())]
        keys = [key for chunk in _chunks(row.pid for row in mine if row.pid) for key in db.scalars(_NAMES.where(data_key.c.pid.in_(chunk)))]
        self.keyring.drop(db, keys)
        buried = sa.update(_subject).where(_subject.c.digest == sa.bindparam("of"))
        rows = [(row.digest, said[row.digest], self._digest_of_pid(row.pid) if row.pid else said[row.digest].pid_digest) for row in mine]
        if rows:
            change = buried.values(pid=None, forgotten_at=sa.bindparam("at"), pid_digest=sa.bindparam("known_by"))
            db.execute(change, [{"of": digest, "at": stone.forgotten_at, "known_by": known_by} for digest, stone, known_by in rows])
        if mine:
            self._add(db, _forgettings, [{"only": True, "number": 0}])
            db.execute(sa.update(_forgettings).values(number=_forgettings.c.number + len(mine)))
        return len(mine)

    def forgettings(self) -> int:
        """Grows with everybody who is forgotten: whoever remembers answers of this vault asks whether they still hold (met.py)."""
        with self.engine.connect() as db:
            return db.scalar(sa.select(_forgettings.c.number)) or 0

    def forgotten(self, subjects: Collection[str]) -> set[str]:
        """Those of them who were forgotten."""
        digests = self._digests(subjects)
        gone = sa.select(_subject.c.digest).where(_subject.c.forgotten_at.is_not(None))
        with self.engine.connect() as db:
            return {digests[d] for chunk in _chunks(digests) for d in db.scalars(gone.where(_subject.c.digest.in_(chunk)))}

    def forgotten_pids(self, pids: Collection[str]) -> set[str]:
        """Those of these pseudonyms whose persons were forgotten: what a restored table may still hold."""
        digests = {self._digest_of_pid(pid): pid for pid in set(pids)}
        gone = sa.select(_subject.c.pid_digest)
        with self.engine.connect() as db:
            return {digests[d] for chunk in _chunks(digests) for d in db.scalars(gone.where(_subject.c.pid_digest.in_(chunk)))}

    def last_forgotten_at(self) -> datetime | None:
        with self.engine.connect() as db:
            return db.scalar(sa.select(sa.func.max(_subject.c.forgotten_at)))

    def digest(self, subject: str) -> bytes:
        """By which a receipt or a request names a person: nobody without the vault can tell whom."""
        return hmac.digest(self._digest_key, subject.encode(), "sha256")

    def key_for(self, purpose: str) -> bytes:
        """For what else is kept in this database."""
        return self.keyring.for_purpose(purpose)

    def close(self) -> None:
        self.engine.dispose()

    # ----------------------------------------------------------------------------------------------------------- inside

    def _digests(self, subjects: Collection[str]) -> dict[bytes, str]:
        return {self.digest(s): s for s in set(subjects)}

    def _digest_of_pid(self, pid: str) -> bytes:
        return hmac.digest(self._digest_key, b"pid: " + pid.encode(), "sha256")

    def _find(self, db: sa.Connection, digests: list[bytes]) -> dict[bytes, tuple]:
        """digest → KEY; of one who was forgotten nothing but Nones."""
        columns = _subject.c.digest, _subject.c.pid, *KEY[1:]
        query = sa.select(*columns).outerjoin(data_key, data_key.c.pid == _subject.c.pid)
        rows = db.execute(query.where(_subject.c.digest.in_(digests))).all()  # in one go: a row at a time costs half as much again
        return {row[0]: row[1:] for row in rows}

    def _make(self, db: sa.Connection, digests: list[bytes]) -> dict[bytes, tuple]:
        """In one transaction, so that nobody sees a subject without its key. Whom another process made meanwhile, we take."""
        random = os.urandom(32 * len(digests)).hex()
        names = {digest: (random[64 * at : 64 * at + 32], random[64 * at + 32 : 64 * at + 64]) for at, digest in enumerate(digests)}
        self._add(db, _subject, [{"digest": d, "pid": pid} for d, (pid, _) in names.items()])
        self.keyring.add(db, [names[d] for d, (pid, *_) in self._find(db, digests).items() if pid == names[d][0]])
        return self._find(db, digests)

    def _add(self, db: sa.Connection, table: sa.Table, rows: list[dict]) -> None:
        if rows:
            db.execute(self._insert(table).on_conflict_do_nothing(), rows)


def _chunks(values: Iterable) -> Iterator[list]:
    iterator = iter(values)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
