"""Archives on their way to people: sealed under a key that is told once and kept nowhere, gone after some days or with the person.

    archive ─▶ AES-256-GCM, 64 KiB at a time (seal_stream.py) ─▶ platform/privacy/exports/<request_id>.zip.sealed
                 ▲
    a new key ───┴─▶ printed once, for whoever hands the archive over to give by another way

Without the key nobody opens it, we included. As a place with copies of people (`lakehouse.copies`), it is emptied of a person's archives
the moment that they are to be forgotten.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property

from lakehouse.errors import BadInputError
from lakehouse.places import export, exports_dir
from lakehouse.privacy.erasure.copies import Left, Place, Purged, Tell
from lakehouse.privacy.erasure.office import Office
from lakehouse.privacy.requests import Kind, Request, Requests, Whom
from lakehouse.privacy.rights import archive
from lakehouse.privacy.rights.held import Held
from lakehouse.privacy.rights.summary import About
from lakehouse.privacy.seal import KEY_BYTES, new_key
from lakehouse.privacy.seal_stream import Sealer, opened
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.open import open_files, open_vault
from lakehouse.storage.protocols import Writer

EXPIRED = "access.expired"


@dataclass(frozen=True, slots=True)
class Export:
    """`key`: as it is told, once."""

    path: str
    key: str
    sealed_bytes: int
    sealed_sha256: str
    expires_at: datetime
    written: archive.Written


def write(office: Office, about: About, found: Sequence[Held]) -> Export:
    """Replaces an archive that an earlier try left: its key is lost."""
    key, path = new_key(), export(about.request_id)
    office.files.delete(path)
    file = office.files.writer(path)
    try:
        sealing = _Sealing(file, Sealer(key, about.request_id.encode()))
        written = archive.write(sealing, about, found)
        sealing.finish()
        file.commit()
    finally:
        file.abandon()
    expires_at = about.made_at + timedelta(days=office.settings.privacy_export_days)
    told = base64.urlsafe_b64encode(key).decode().rstrip("=")
    return Export(path, told, sealing.size, sealing.digest.hexdigest(), expires_at, written)


def opened_with(office: Office, request_id: str, key: str) -> Iterator[bytes]:
    """The archive in clear, a piece at a time; act on it once it ended well. Raises BadInputError, CorruptError."""
    try:
        raw = base64.urlsafe_b64decode(key.strip() + "=" * (-len(key.strip()) % 4))
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) != KEY_BYTES:
        raise BadInputError("this is no key of an archive", hint="it was printed once, when the archive was made; make another one")
    try:
        sealed = office.files.reader(export(request_id))
    except FileNotFoundError:
        raise BadInputError(
            f"there is no archive of {request_id}", hint="it has expired, or its person was erased; `lakehouse privacy access` makes one"
        ) from None
    with sealed:
        yield from opened(raw, sealed, request_id.encode())


def expire(office: Office, now: datetime) -> list[str]:
    """Remove archives whose days are over, and those that no request knows; their requests' ids."""
    gone = []
    for request_id in _there(office.settings):
        until = office.requests.progress(request_id).get("expires_at")
        if until is None or datetime.fromisoformat(until) <= now:
            office.files.delete(export(request_id))
            office.record(EXPIRED, purpose="access", request_id=request_id)
            gone.append(request_id)
    return gone


class Exports(Place):
    """Archives of these people. Nobody can look into them, and they go all the same. What they ask beside goes, too: nothing can be
    put right or left alone of somebody who is forgotten."""

    name = "exports"
    stage = 5

    def close(self, people: Sequence[Whom]) -> None:
        files = open_files(self.settings)
        for _, one in self._of(people):
            files.delete(export(one.request_id))
        for one in self._asked(people):
            if one.is_open and one.kind != Kind.ERASURE:
                self._requests.refuse(one.request_id, "the person was erased")

    def purge(self, people: Sequence[Whom], tell: Tell) -> list[Purged]:
        there = self._of(people)
        self.close(people)
        return [Purged(exports_dir(), "deleted", len(there))] if there else []

    def left(self, people: Sequence[Whom]) -> list[Left]:
        rows: dict[str, int] = {}
        for pid, _ in self._of(people):
            rows[pid] = rows.get(pid, 0) + 1
        return [Left(exports_dir(), rows, len(_there(self.settings)))]

    def _of(self, people: Sequence[Whom]) -> list[tuple[str, Request]]:
        there = set(_there(self.settings))
        return [(whom.pid or "", one) for whom in people for one in self._asked([whom]) if one.request_id in there]

    def _asked(self, people: Sequence[Whom]) -> list[Request]:
        return [one for whom in people for one in self._requests.of(self._vault.digest(whom.subject))]

    @cached_property
    def _vault(self) -> SqlVault:
        return open_vault(self.settings)

    @cached_property
    def _requests(self) -> Requests:
        return Requests(self._vault)


class _Sealing:
    """A file that can only be written on: what ZIP asks of one."""

    def __init__(self, file: Writer, sealer: Sealer) -> None:
        self._file = file
        self._sealer = sealer
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> int:
        self._put(self._sealer.add(bytes(data)))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back that finish() would not write."""

    def finish(self) -> None:
        self._put(self._sealer.finish())

    def _put(self, sealed: bytes) -> None:
        self._file.write(sealed)
        self.size += len(sealed)
        self.digest.update(sealed)


def _there(settings: Settings) -> list[str]:
    """Requests of which there is an archive."""
    return [path.rsplit("/", 1)[1].removesuffix(".zip.sealed") for path in open_files(settings).list(exports_dir() + "/")]
