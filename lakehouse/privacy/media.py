"""Reading a media object back: by the pseudonym and the media_id that a clean row holds.

clean: user_pid, media_id ─▶ vault: data key ─▶ record ─▶ sealed object ─▶ plaintext, 64 KiB at a time
                                 └─ destroyed: KeyGoneError
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lakehouse.contracts.model import Contract
from lakehouse.errors import CorruptError, DeniedError, KeyGoneError
from lakehouse.media import record as records
from lakehouse.media.record import MediaRecord
from lakehouse.privacy.hidden import hidden_people
from lakehouse.privacy.seal_stream import opened
from lakehouse.storage.protocols import Files, Vault


@dataclass(frozen=True)
class OpenMedia:
    """`pieces` gives the plaintext, and raises CorruptError where the object is not what was written: at its end at the
    latest, so act on the whole only once it ended well."""

    record: MediaRecord
    pieces: Iterator[bytes]

    def read(self) -> bytes:
        """All of it, for what is known to be small (`record.plain_bytes`)."""
        return b"".join(self.pieces)


@contextmanager
def open_media(files: Files, vault: Vault, contract: Contract, user_pid: str, media_id: str) -> Iterator[OpenMedia]:
    """Raises KeyGoneError where the person was erased, DeniedError where their data is restricted, FileNotFoundError where no such
    object was uploaded (yet)."""
    owner = vault.people([user_pid]).get(user_pid)
    if owner is None:
        raise KeyGoneError("the data key is destroyed", hint="what it sealed is forgotten by design; leave this object out")
    if user_pid in hidden_people(files):
        raise DeniedError("this person's data is kept and not used", hint="leave this object out until it is lifted", is_known=True)
    pid = records.media_pid(owner.key, media_id)
    record = records.find(files, contract, pid)
    if record is None:
        raise FileNotFoundError(f"{contract.id}: there is no media object {pid}")
    try:
        sealed = files.reader(record.path)
    except FileNotFoundError:
        raise CorruptError(f"{record.path} is gone, and its record is there", hint="restore it from a copy") from None
    with sealed:
        yield OpenMedia(record, opened(owner.key, sealed, pid.encode()))
