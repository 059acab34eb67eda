"""What guards the master key of the vault: versions of one key, of which the newest wraps and those before it only open.

local   master.key ─ rotate ─▶ master.2.key ─ rotate ─▶ master.3.key
            ✕                      ✕                        each overwritten and removed once nothing needs it
gcp     the CryptoKeyVersions of a Cloud KMS key (storage/gcp.py)
"""

import os
import re
from pathlib import Path
from typing import Protocol

from lakehouse.errors import CorruptError
from lakehouse.privacy.seal import KEY_BYTES, new_key, seal, unseal
from lakehouse.storage.durable import make_folder, sync_folder, write_all

_AAD = b"vault master key"


class KeyWrapper(Protocol):
    """Whatever guards the master key. A version's name says nothing but which one it is."""

    def wrap(self, key: bytes, version: str | None = None) -> tuple[str, bytes]:
        """By that version, or by the newest: which one it was, and the wrapped key."""

    def unwrap(self, wrapped: bytes) -> bytes:
        """Raises CorruptError where it was not wrapped by this one, KeyGoneError where its version is destroyed."""

    def versions(self) -> list[str]:
        """Those that are not destroyed, oldest first."""

    def make(self) -> str:
        """A new version, ready to wrap."""

    def destroy(self, version: str) -> None:
        """What it wrapped cannot be opened any more. One that is gone already is no error."""


class KeyFile:
    """KeyWrapper of the local profile: a file a version, that only its owner may read; the first is made on first use."""

    def __init__(self, path: Path) -> None:
        self._path = path
        if not self.versions():
            self._make(path)
        for version in self.versions():
            self._read(version)

    def versions(self) -> list[str]:
        named = re.compile(rf"{re.escape(self._path.stem)}(?:\.(\d+))?{re.escape(self._path.suffix)}")
        names = os.listdir(self._path.parent) if self._path.parent.is_dir() else []
        found = {match[0]: int(match[1] or 1) for name in names if (match := named.fullmatch(name))}
        return sorted(found, key=found.__getitem__)

    def make(self) -> str:
        last = self.versions()[-1]
        number = int(last.split(".")[-2]) if last != self._path.name else 1
        new = self._path.with_name(f"{self._path.stem}.{number + 1}{self._path.suffix}")
        self._make(new)
        return new.name

    def destroy(self, version: str) -> None:
        """Overwritten where it lies before its name goes: a disk that keeps old blocks is to be encrypted all the same."""
        path = self._path.with_name(version)
        try:
            fd = os.open(path, os.O_WRONLY)
        except FileNotFoundError:
            return
        try:
            write_all(fd, os.urandom(KEY_BYTES))
            os.fsync(fd)
        finally:
            os.close(fd)
        path.unlink()
        sync_folder(path.parent)

    def wrap(self, key: bytes, version: str | None = None) -> tuple[str, bytes]:
        by = version or self.versions()[-1]
        return by, seal(self._read(by), key, _AAD)

    def unwrap(self, wrapped: bytes) -> bytes:
        """There are two versions while a rotation is under way, and else one: the seal tells which."""
        for version in reversed(self.versions()):
            try:
                return unseal(self._read(version), wrapped, _AAD)
            except CorruptError:
                continue
        raise CorruptError(
            "the vault was made with another master key, or with a version of it that is destroyed",
            hint=f"restore {self._path} and its later versions as they were, together with the vault of the same day",
        )

    def _read(self, version: str) -> bytes:
        path = self._path.with_name(version)
        key = path.read_bytes()
        if len(key) != KEY_BYTES:
            raise CorruptError(f"{path} is no key", hint="restore it from your backup: without it nothing in raw can be read")
        return key

    def _make(self, path: Path) -> None:
        """Several processes may come here at once: link() lets the first one's key stand."""
        make_folder(path.parent)
        draft = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
        fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            write_all(fd, new_key())
            os.fsync(fd)
            os.link(draft, path)
        except FileExistsError:
            pass
        finally:
            os.close(fd)
            draft.unlink()
        sync_folder(path.parent)
