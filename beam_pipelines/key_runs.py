"""Sorted runs of keys on disk: found in by binary search, merged by size, never held in memory as a whole.

    add(keys, days) ─▶ run-000001.keys  run-000002.keys …     each: the keys, sorted, and then the day of each
    find(keys) ─▶ (keys that are there, their days)           a window of a run at a time is mapped, and let go again

Runs of a week of receipt are merged among themselves, four of about a size into one, so that a whole week can be dropped.
`runs.json` says which runs there are, and is replaced in one step; a file that it does not name does not count. Runs are not
synced: a killed process loses nothing of them, and after a power cut the checksums tell. So they are read once a boot of the
machine, not at every start: a month of 25 million events a day is 9 GB of keys.
"""

import json
import mmap
import zlib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from lakehouse.errors import CorruptError
from lakehouse.storage.durable import make_folder, write_file

LIST = "runs.json"
_FORMAT = 1
_WINDOW = 4_000_000  # keys that are mapped at once
_MERGED_AT_ONCE = 1_000_000
_OF_A_SIZE = 4
_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Run:
    """`week` counts weeks of receipt since the year 1."""

    name: str
    keys: int
    week: int
    crc: int


class KeyRuns:
    """The runs of one table. One process at a time may add; `covers` is the table's version that they are made from."""

    def __init__(self, folder: Path) -> None:
        """Raises CorruptError where what is there cannot be relied on."""
        self._folder = folder
        self.covers, self.dropped, self.runs = -1, 0, []
        self._stamp: tuple[int, int] | None = None
        self._checked_on_boot = ""
        self.reload()
        is_checked = self._checked_on_boot == _boot() != ""
        for run in self.runs:
            self._check(run, is_checked)
        if self.runs and not is_checked:
            self._replace(self.runs, self.covers)

    @property
    def count(self) -> int:
        """Keys that were ever added: also those that were dropped since."""
        return self.dropped + sum(run.keys for run in self.runs)

    def reload(self) -> bool:
        """See what another process has added; whether there was anything."""
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return False
        self._stamp = stamp
        if stamp is None:
            self.covers, self.dropped, self.runs = -1, 0, []
            return True
        try:
            said = json.loads((self._folder / LIST).read_bytes())
            if said["format"] != _FORMAT:
                raise ValueError("another format")
            self.covers, self.dropped, self.runs = said["covers"], said["dropped"], [Run(**run) for run in said["runs"]]
            self._checked_on_boot = said.get("checked_on_boot", "")
        except (ValueError, KeyError, TypeError) as error:
            raise CorruptError(f"{self._folder / LIST} is damaged", hint="it is made again from clean") from error
        return True

    def find(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Of these sorted, distinct keys those that are there, and the day (as a number) of each; a key that is there
        several times comes several times."""
        found = [(np.empty(0, np.int64), np.empty(0, np.int32))]
        for run in self.runs:
            found += _found(self._folder / run.name, run.keys, keys)
        return np.concatenate([k for k, _ in found]), np.concatenate([d for _, d in found])

    def add(self, keys: np.ndarray, days: np.ndarray, week: int, covers: int) -> None:
        """A new run, merged with others where there are enough of about its size. The first run of a week closes the others."""
        order = np.argsort(keys, kind="stable")
        run = self._written(len(keys), week, [(keys[order], days[order])]) if len(keys) else None
        runs = [*self.runs, *([run] if run else [])]
        self._replace(runs, covers)
        while (some := self._mergeable()) is not None:
            merged = self._written(sum(r.keys for r in some), some[0].week, self._merging(some))
            self._replace([*(r for r in self.runs if r not in some), merged], covers)

    def drop_before(self, week: int) -> int:
        """Forget the runs of earlier weeks; returns how many keys that were."""
        old = [run for run in self.runs if run.week < week]
        if old:
            self.dropped += sum(run.keys for run in old)
            self._replace([run for run in self.runs if run not in old], self.covers)
        return sum(run.keys for run in old)

    def clear(self) -> None:
        self.dropped = 0
        self._replace([], -1)

    # ------------------------------------------------------------------ inside

    def _mergeable(self) -> list[Run] | None:
        alike: dict[tuple[int, int], list[Run]] = {}
        for run in self.runs:
            alike.setdefault((run.week, (max(run.keys, 1).bit_length() + 1) // 2), []).append(run)
        return next((some for some in alike.values() if len(some) >= _OF_A_SIZE), None)

    def _merging(self, runs: list[Run]) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """The keys of all, sorted, a part at a time: parts are cut at the same keys in every run."""
        parts = max(1, sum(run.keys for run in runs) // _MERGED_AT_ONCE)
        opened = [_mapped(self._folder / run.name, run.keys) for run in runs]
        largest = max(opened, key=lambda run: len(run[0]))[0]
        cuts = largest[np.arange(1, parts) * len(largest) // parts].copy()
        ends = [[0, *np.searchsorted(keys, cuts, "left").tolist(), len(keys)] for keys, _ in opened]
        for part in range(parts):
            keys = np.concatenate([k[e[part] : e[part + 1]] for (k, _), e in zip(opened, ends)])
            days = np.concatenate([d[e[part] : e[part + 1]] for (_, d), e in zip(opened, ends)])
            order = np.argsort(keys, kind="stable")
            yield keys[order], days[order]

    def _written(self, count: int, week: int, parts) -> Run:
        make_folder(self._folder)
        numbers = [int(p.name[4:10]) for p in self._folder.glob("run-*.keys")]
        path = self._folder / f"run-{max(numbers, default=0) + 1:06d}.keys"
        crc, done = 0, 0
        with path.open("wb") as keys_file, path.open("r+b") as days_file:
            days_file.truncate(12 * count)
            days_file.seek(8 * count)
            for keys, days in parts:
                keys_file.write(keys.astype("<i8").tobytes())
                days_file.write(days.astype("<i4").tobytes())
                done += len(keys)
        crc = _crc(path)
        return Run(path.name, done, week, crc)

    def _replace(self, runs: list[Run], covers: int) -> None:
        gone = {run.name for run in self.runs} - {run.name for run in runs}
        said = {"format": _FORMAT, "covers": covers, "dropped": self.dropped, "checked_on_boot": _boot(), "runs": [*map(asdict, runs)]}
        write_file(self._folder / LIST, json.dumps(said, indent=1).encode())
        self.runs, self.covers, self._stamp = runs, covers, self._stamp_now()
        for name in gone:
            (self._folder / name).unlink(missing_ok=True)

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            found = (self._folder / LIST).stat()
        except FileNotFoundError:
            return None
        return found.st_ino, found.st_mtime_ns

    def _check(self, run: Run, is_checked: bool) -> None:
        path = self._folder / run.name
        try:
            is_whole = path.stat().st_size == 12 * run.keys and (is_checked or _crc(path) == run.crc)
        except FileNotFoundError:
            is_whole = False
        if not is_whole:
            raise CorruptError(f"{path} is not what was written", hint="it is made again from clean")


def _mapped(path: Path, count: int) -> tuple[np.ndarray, np.ndarray]:
    return np.memmap(path, "<i8", "r", 0, (count,)), np.memmap(path, "<i4", "r", 8 * count, (count,))


def _found(path: Path, count: int, keys: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        all_keys = np.frombuffer(mapped, "<i8", count)
        all_days = np.frombuffer(mapped, "<i4", count, 8 * count)
        try:
            for start in range(0, count, _WINDOW):
                window = all_keys[start : start + _WINDOW]
                asked = keys[np.searchsorted(keys, window[0], "left") : np.searchsorted(keys, window[-1], "right")]
                if len(asked):
                    first, last = np.searchsorted(window, asked, "left"), np.searchsorted(window, asked, "right")
                    hits = np.flatnonzero(last > first)
                    where = [start + at for hit in hits for at in range(first[hit], last[hit])]
                    if where:
                        yield all_keys[where].astype(np.int64), all_days[where].astype(np.int32)
                    mapped.madvise(mmap.MADV_DONTNEED)  # a page that was looked at is not ours to keep
        finally:
            del all_keys, all_days, window


def _boot() -> str:
    """Which start of the machine this is; empty where the system does not say."""
    return _BOOT_ID.read_text().strip() if _BOOT_ID.exists() else ""


def _crc(path: Path) -> int:
    crc = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            crc = zlib.crc32(piece, crc)
    return crc
