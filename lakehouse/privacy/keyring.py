"""The keys in the vault: data keys, wrapped by a master key, of which there is a new generation at every rotation.

    KeyWrapper (key files, Cloud KMS) ─▶ master key 4 ─▶ data keys: of people, days, columns, purposes
                                              └─▶ the digest key, which is the same for ever: subjects are not known in clear

    rotation.py   begin: master key 5 ─▶ rewrap, in batches ─▶ forget 4, once nothing is wrapped by it any more

A data key stays what it is, so that nothing which it sealed must be touched. But what wraps it is gone from here after a
rotation: whoever finds an old copy of the vault, and has today's vault and today's key file too, opens none of its keys.

Processes go on through a rotation: who reads meets a generation that it does not know, and asks for it; who makes a key looks, before
the commit, whether its own is still the newest, and begins again by the newer one where it is not.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

import sqlalchemy as sa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from lakehouse.errors import CorruptError, SettingsError
from lakehouse.privacy.key_file import KeyWrapper
from lakehouse.privacy.seal import KEY_BYTES, new_key, seal, seal_all, unseal, unseal_all
from lakehouse.storage.sql import INSERT, Utc, create_tables, leave_no_trace

PURPOSES = ("receipts",)
"""What else in the vault's database is sealed by a key of the vault."""
_DIGEST_AAD = b"subject digest key"
_Answer = TypeVar("_Answer")

metadata = sa.MetaData()
_master = sa.Table(
    "master_key",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),  # the generation
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("key_version", sa.Text),  # of the KeyWrapper
    sa.Column("digest_key", sa.LargeBinary),  # sealed; of the first generation it follows from the master key itself
    sa.Column("made_at", Utc),
    sa.Column("finished_at", Utc),  # when nothing was wrapped by an older one any more, and what wrapped that was destroyed
)
data_key = sa.Table(
    "data_key",
    metadata,
    sa.Column("key_id", sa.String(32), primary_key=True),
    sa.Column("pid", sa.String(32), nullable=False, unique=True),
    sa.Column("wrapped", sa.LargeBinary, nullable=False),
    sa.Column("generation", sa.Integer, nullable=False, server_default="1"),
)
KEY = (data_key.c.pid, data_key.c.key_id, data_key.c.wrapped, data_key.c.generation)
"""The columns that unwrap() takes."""


@dataclass(frozen=True, slots=True)
class Generation:
    """One master key as the vault knows it; its bytes stay inside the keyring."""

    number: int
    key_version: str | None
    made_at: datetime | None
    finished_at: datetime | None


class _GenerationGoneError(Exception):
    """There is a newer master key than the one that was about to wrap; nothing was written."""


class Keyring:
    """Raises CorruptError where `wrapper` is not the one that the vault was made with."""

    def __init__(self, engine: sa.Engine, wrapper: KeyWrapper) -> None:
        if engine.dialect.name not in INSERT:
            raise SettingsError(f"no vault on {engine.dialect.name}", hint=f"LAKEHOUSE_VAULT_URL: use one of {', '.join(INSERT)}")
        self.engine = engine
        self.wrapper = wrapper
        self._insert = INSERT[engine.dialect.name]
        create_tables(engine, metadata)
        self._masters: dict[int, bytes] = {}
        self._load()
        self.digest_key = self._digest_key()

    # ------------------------------------------------------------------------------------------------- made and opened

    def add(self, db: sa.Connection, names: Sequence[tuple[str, str]]) -> None:
        """New data keys, each bound to its pseudonym and its own name; those that are there stay. Inside `writing`."""
        self.put(db, names, [new_key() for _ in names])

    def put(self, db: sa.Connection, names: Sequence[tuple[str, str]], keys: Sequence[bytes]) -> None:
        newest = max(self._masters)
        wrapped = self._wrap(newest, names, keys)
        rows = [{"key_id": key_id, "pid": pid, "wrapped": w, "generation": newest} for (pid, key_id), w in zip(names, wrapped)]
        if rows:
            db.execute(self._insert(data_key).on_conflict_do_nothing(), rows)
        # After the insert, which in SQLite begins the transaction. In PostgreSQL forget() waits for who holds the row so.
        if db.scalars(sa.select(_master.c.id).where(_master.c.id >= newest).with_for_update(read=True)).all() != [newest]:
            raise _GenerationGoneError

    def writing(self, what: Callable[[sa.Connection], _Answer]) -> _Answer:
        """A transaction in which keys are made; again, from the beginning, where a rotation began in the middle of it."""
        while True:
            try:
                with self.engine.begin() as db:
                    return what(db)
            except _GenerationGoneError:
                self._load()

    def unwrap(self, rows: Sequence[Sequence]) -> list[bytes]:
        """Of rows of KEY."""
        if any(row[3] not in self._masters for row in rows):
            self._load()
        try:
            keys = [self._wrapping[row[3]] for row in rows]
        except KeyError as unknown:
            raise CorruptError(
                f"data keys are wrapped by a master key of generation {unknown}, which is not in the vault",
                hint="the vault's tables are of different days: restore them together",
            ) from None
        return unseal_all(keys, [row[2] for row in rows], [_bound(row[0], row[1]) for row in rows])

    def named(self, name: str, first: bytes | None = None) -> bytes:
        """A key that is nobody's, under its name; made on first use, of `first` where that is given."""
        query = sa.select(*KEY).where(data_key.c.key_id == name)
        with self.engine.connect() as db:
            row = db.execute(query).one_or_none()
        if row is None:
            self.writing(lambda db: self.put(db, [(name, name)], [first or new_key()]))
            with self.engine.connect() as db:
                row = db.execute(query).one()
        return self.unwrap([row])[0]

    def for_purpose(self, purpose: str) -> bytes:
        """For what else is kept in this database. It followed from the first master key once, and is kept by itself since."""
        return self.named(f"purpose:{purpose}", _derive(self._masters[max(self._masters)], purpose.encode()))

    def names(self, beginning: str) -> list[str]:
        """Of keys that are nobody's, and begin so (`day:`), sorted."""
        query = sa.select(data_key.c.key_id).where(data_key.c.key_id.startswith(beginning, autoescape=True)).order_by(data_key.c.key_id)
        with self.engine.connect() as db:
            return list(db.scalars(query))

    def destroy(self, names: Collection[str]) -> int:
        """Those keys of nobody's, and what they sealed with them; how many there were."""
        with self.engine.begin() as db:
            mine = [sa.delete(data_key).where(data_key.c.key_id == name, data_key.c.pid == name) for name in sorted(names)]
            gone = sum(db.execute(delete).rowcount for delete in mine)
        if gone:
            leave_no_trace(self.engine, data_key)
        return gone

    def drop(self, db: sa.Connection, names: Collection[str]) -> None:
        """Those keys, whosever they are. In the order in which rewrap() takes them, or the two would wait for each other in a circle."""
        if names:
            delete = sa.delete(data_key).where(data_key.c.key_id == sa.bindparam("named"))
            db.execute(delete, [{"named": name} for name in sorted(names)])

    @property
    def newest(self) -> int:
        return max(self._masters)

    # ------------------------------------------------------------------------------------------- the steps of a rotation

    def generations(self) -> list[Generation]:
        """The oldest first; there are several only while a rotation is under way."""
        columns = _master.c.id, _master.c.key_version, _master.c.made_at, _master.c.finished_at
        with self.engine.connect() as db:
            return [Generation(*row) for row in db.execute(sa.select(*columns).order_by(_master.c.id))]

    def begin(self, number: int, key_version: str) -> None:
        """A new master key, wrapped by that version; from here on new keys are wrapped by it. Again, it does nothing."""
        for purpose in PURPOSES:
            self.for_purpose(purpose)
        master = new_key()
        row = {
            "id": number,
            "wrapped": self.wrapper.wrap(master, key_version)[1],
            "key_version": key_version,
            "digest_key": seal(_derive(master, _DIGEST_AAD), self.digest_key, _DIGEST_AAD),
            "made_at": datetime.now(UTC),
        }
        with self.engine.begin() as db:
            db.execute(self._insert(_master).on_conflict_do_nothing(), row)
        self._load()

    def waiting(self) -> int:
        """Data keys that an older master key wraps."""
        with self.engine.connect() as db:
            return db.scalar(sa.select(sa.func.count()).where(data_key.c.generation < self.newest))

    def rewrap(self, at_once: int) -> int:
        """Some of those, in one transaction; how many they were. Whoever is forgotten meanwhile stays forgotten."""
        older = data_key.c.generation < self.newest
        with self.engine.connect() as db:
            rows = sorted(db.execute(sa.select(*KEY).where(older).limit(at_once)).all(), key=lambda row: row.key_id)
        names = [(row.pid, row.key_id) for row in rows]
        wrapped = self._wrap(self.newest, names, self.unwrap(rows))
        change = sa.update(data_key).where(data_key.c.key_id == sa.bindparam("named"), older)
        new = [{"named": key_id, "w": w} for (_, key_id), w in zip(names, wrapped)]
        if new:
            with self.engine.begin() as db:
                db.execute(change.values(wrapped=sa.bindparam("w"), generation=self.newest), new)
        return len(new)

    def forget(self) -> bool:
        """The older master keys go, and leave no trace; False, and they stay, where something is wrapped by them still."""
        with self.engine.connect() as db, db.begin() as all_of_it:
            # First: it waits for those who are making keys by these, and those who come later find them gone.
            db.execute(sa.delete(_master).where(_master.c.id < self.newest))
            if db.scalar(sa.select(sa.func.count()).where(data_key.c.generation < self.newest)):
                all_of_it.rollback()
                return False
        leave_no_trace(self.engine, _master)
        self._load()
        return True

    def finish(self) -> None:
        with self.engine.begin() as db:
            db.execute(sa.update(_master).where(_master.c.id == self.newest).values(finished_at=datetime.now(UTC)))

    # ----------------------------------------------------------------------------------------------------------- inside

    def _load(self) -> None:
        query = sa.select(_master.c.id, _master.c.wrapped)
        with self.engine.connect() as db:
            rows = db.execute(query).all()
        if not rows:
            version, wrapped = self.wrapper.wrap(new_key())
            now = datetime.now(UTC)
            first = {"id": 1, "wrapped": wrapped, "key_version": version, "made_at": now, "finished_at": now}
            with self.engine.begin() as db:  # of several processes at once the first one's stands
                db.execute(self._insert(_master).on_conflict_do_nothing(), first)
                rows = db.execute(query).all()
        # What this process knew it goes on knowing: rows that it read a moment ago may be wrapped by what is forgotten by now.
        self._masters |= {number: self.wrapper.unwrap(wrapped) for number, wrapped in rows if number not in self._masters}
        self._wrapping = {number: _derive(master, b"data key wrapping") for number, master in self._masters.items()}

    def _digest_key(self) -> bytes:
        with self.engine.connect() as db:
            sealed = db.scalar(sa.select(_master.c.digest_key).where(_master.c.id == self.newest))
        master = self._masters[self.newest]
        return _derive(master, b"subject digest") if sealed is None else unseal(_derive(master, _DIGEST_AAD), sealed, _DIGEST_AAD)

    def _wrap(self, generation: int, names: Iterable[tuple[str, str]], keys: Sequence[bytes]) -> list[bytes]:
        return seal_all([self._wrapping[generation]] * len(keys), keys, [_bound(*name) for name in names])


def _derive(master: bytes, purpose: bytes) -> bytes:
    return HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=b"megacity vault: " + purpose).derive(master)


def _bound(pid: str, key_id: str) -> bytes:
    return f"{pid}:{key_id}".encode()
