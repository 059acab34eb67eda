"""Making bytes survive: the few file system calls that segment_log.py and local.py share.

    write_file: temp name ─▶ fsync ─▶ rename ─▶ fsync of the folder
    Draft:      temp name, locked ─▶ piece by piece ─▶ fsync ─▶ link, which never replaces ─▶ fsync of the folder

A rename is atomic but not durable; the folder's own fsync makes it so.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lakehouse.errors import NotDurableError

TEMPORARY = ".tmp-"
"""What the name of a file that is still being written starts with. Such a name is never listed."""


@contextmanager
def not_durable(what: str) -> Iterator[None]:
    """Answer a failing disk with NotDurableError: whoever asked still has the record."""
    try:
        yield
    except OSError as error:
        # The path in an OSError is ours, its data never is; errno alone says what to do.
        raise NotDurableError(
            f"{what}: {os.strerror(error.errno) if error.errno else type(error).__name__}",
            hint="free disk space under LAKEHOUSE_HOME (`df -h`), then send it again: nothing of it was kept",
        ) from error


def sync_folder(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def make_folder(folder: Path) -> None:
    """Create `folder` and its parents, durably; cheap where it is there already."""
    if folder.is_dir():
        return
    make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)


def write_all(fd: int, data: bytes) -> None:
    """os.write until everything is written: it may write less than it was given."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def write_durably(fd: int, data: bytes, offset: int) -> None:
    """Write at `offset`, and return once it is on disk: as write_all() and fdatasync, in one call of the kernel.

    A thread that calls the kernel once has to wait for the interpreter once, which beside a busy thread is most of its work.
    """
    view = memoryview(data)
    while view:
        written = os.pwritev(fd, [view], offset, os.RWF_DSYNC)
        view, offset = view[written:], offset + written


def write_file(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Create or replace `path` in one durable step. Raises OSError, and then `path` is as it was."""
    make_folder(path.parent)
    temporary = path.parent / f"{TEMPORARY}{os.urandom(8).hex()}"
    try:
        fd = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        try:
            write_all(fd, data)
            os.fsync(fd)
        finally:
            os.close(fd)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


class Draft:
    """A file that is written piece by piece. Its lock says that somebody is still at it: sweep_drafts() takes the others."""

    def __init__(self, drafts: Path, path: Path) -> None:
        """`drafts`: the folder to write in, on the same disk as `path`."""
        self._path = path
        make_folder(drafts)
        self._draft = drafts / f"{TEMPORARY}{os.urandom(8).hex()}"
        self._fd: int | None = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        fcntl.flock(self._fd, fcntl.LOCK_EX)

    def write(self, data: bytes) -> None:
        """Raises OSError."""
        write_all(self._fd, data)

    def commit(self) -> None:
        """Raises FileExistsError where the path is taken, OSError where it is not durable; then there is nothing."""
        try:
            os.fsync(self._fd)
            make_folder(self._path.parent)
            os.link(self._draft, self._path)
        except BaseException:
            self.abandon()
            raise
        self.abandon()
        sync_folder(self._path.parent)

    def abandon(self) -> None:
        if self._fd is not None:
            self._draft.unlink(missing_ok=True)
            os.close(self._fd)
            self._fd = None


def sweep_drafts(drafts: Path) -> int:
    """Remove drafts whose writers were killed; returns how many."""
    swept = 0
    for draft in drafts.glob(f"{TEMPORARY}*"):
        with contextlib.suppress(OSError):  # taken by its owner meanwhile, or locked: not ours to take
            fd = os.open(draft, os.O_RDONLY)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                draft.unlink()
                swept += 1
            finally:
                os.close(fd)
    return swept
