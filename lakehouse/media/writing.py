"""One media object on its way into raw: digested, sealed and written piece by piece, and committed by its record.

    Upload.write(piece) … ─▶ draft ─ finish ─▶ object ─▶ record, created and never replaced ─▶ Written(record, is_new)
                                 └─ abandon ─▶ nothing

Of several uploads of one media_id the first record stands. The others find their object superfluous and remove it: if
they brought the same bytes they are told so, and otherwise get ConflictError.
"""

import hashlib
import os
import threading
from dataclasses import dataclass
from datetime import datetime

from lakehouse import places
from lakehouse.business_day import business_day
from lakehouse.contracts.model import Contract, MediaKind
from lakehouse.errors import BadInputError
from lakehouse.media import record as records
from lakehouse.media.record import MediaRecord
from lakehouse.privacy.seal_stream import Sealer
from lakehouse.storage.protocols import Files, SubjectKey


class ConflictError(BadInputError):
    """The media_id has other bytes already."""


class DigestMismatchError(BadInputError):
    """The bytes are not those that the sender digested."""


@dataclass(frozen=True)
class MediaName:
    """What an upload says of itself, once it is believed.

    owner  the person it is of: their pseudonym and data key
    """

    media_id: str
    contract: Contract
    kind: MediaKind
    content_type: str
    zone_id: str
    org_id: int | None
    owner: SubjectKey

    @property
    def media_pid(self) -> str:
        return records.media_pid(self.owner.key, self.media_id)


@dataclass(frozen=True)
class Written:
    record: MediaRecord
    is_new: bool


class Upload:
    """`sha256` is what the sender says of the plaintext. Only abandon() may be called while another call is at work: it waits."""

    def __init__(self, files: Files, name: MediaName, sha256: bytes, received_at: datetime) -> None:
        """Raises ConflictError where the media_id has other bytes, NotDurableError where nothing can be written."""
        self._files = files
        self._name = name
        self._sha256 = sha256
        self._received_at = received_at
        self._at_work = threading.Lock()
        self._is_over = False
        self._pid = name.media_pid
        self._path = places.media_object(name.contract.domain, business_day(received_at), self._pid, os.urandom(4).hex())
        self._plain, self._sealed = hashlib.sha256(), hashlib.sha256()
        self._plain_bytes = self._sealed_bytes = 0
        self._there = self._settled(records.find(files, name.contract, self._pid))
        # An object that is there need not be written again; what comes is only held against its digest.
        self._writer = None if self._there else files.writer(self._path)
        self._sealer = None if self._there else Sealer(name.owner.key, self._pid.encode())

    def write(self, data: bytes) -> None:
        """Raises NotDurableError."""
        with self._at_work:
            self._plain.update(data)
            self._plain_bytes += len(data)
            if self._sealer and not self._is_over:
                self._put(self._sealer.add(data))

    def finish(self) -> Written:
        """Raises DigestMismatchError, ConflictError, NotDurableError; then nothing is there but what was."""
        with self._at_work:
            if self._plain.digest() != self._sha256:
                raise DigestMismatchError(
                    "the bytes are not those of the digest", hint="digest the bytes that you send, and send them again"
                )
            if self._there:
                return Written(self._there, is_new=False)
            self._put(self._sealer.finish())
            self._writer.commit()
            return self._recorded()

    def abandon(self) -> None:
        """After an error, and where nothing more comes. What finish() has committed stays."""
        with self._at_work:
            self._is_over = True
            if self._writer:
                self._writer.abandon()

    def _put(self, sealed: bytes) -> None:
        if sealed:
            self._sealed.update(sealed)
            self._sealed_bytes += len(sealed)
            self._writer.write(sealed)

    def _recorded(self) -> Written:
        name = self._name
        record = MediaRecord(
            media_pid=self._pid,
            contract=name.contract.id,
            kind=name.kind.name,
            content_type=name.content_type,
            zone_id=name.zone_id,
            org_id=name.org_id,
            subject=name.owner.key_id,
            received_at=self._received_at,
            path=self._path,
            plain_bytes=self._plain_bytes,
            sealed_bytes=self._sealed_bytes,
            sealed_sha256=self._sealed.hexdigest(),
            plain_digest=records.plain_digest(name.owner.key, name.media_id, self._sha256),
        )
        try:
            writer = self._files.writer(places.media_record(name.contract.domain, self._pid))
            try:
                writer.write(records.encode(record))
                writer.commit()
            finally:
                writer.abandon()
        except FileExistsError:
            # Somebody else was quicker; ours has no record and is nothing.
            self._files.delete(self._path)
            return Written(self._settled(records.find(self._files, name.contract, self._pid)), is_new=False)
        except BaseException:
            self._files.delete(self._path)
            raise
        return Written(record, is_new=True)

    def _settled(self, there: MediaRecord | None) -> MediaRecord | None:
        """Raises ConflictError where what is there is something else."""
        told = records.plain_digest(self._name.owner.key, self._name.media_id, self._sha256)
        if there and (there.plain_digest, there.kind) != (told, self._name.kind.name):
            raise ConflictError("this media_id has other bytes already", hint="a media_id is for one object for ever: choose a new one")
        return there
