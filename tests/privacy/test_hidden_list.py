"""Engines that read the list of the hidden by themselves find everybody on it whom a reading path of ours hides, and nobody else."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow.parquet as pq

from lakehouse import places
from lakehouse.privacy.erasure.scan import scan
from lakehouse.privacy.hidden import Restriction, hidden_people, hide, restrict
from lakehouse.settings import settings
from lakehouse.storage.open import open_files
from tests.commands import succeeds

WHY = Restriction("objection_pending", datetime(2026, 1, 1, tzinfo=UTC), "r-1")
ERASED, RESTRICTED, BOTH = ("0" * 31 + end for end in "abc")


def listed(home: Path) -> set[str]:
    file = home / "lake" / places.shown_to_nobody()
    assert pq.read_schema(file).names == ["pid"]
    return set(pq.read_table(file)["pid"].to_pylist())


def test_it_is_there_before_anybody_is_on_it(home: Path) -> None:
    succeeds("prepare")
    assert listed(home) == set()


def test_it_follows_both_lists_and_keeps_nothing_of_who_is_off_them(home: Path) -> None:
    files = open_files(settings())
    hide(files, {ERASED, BOTH})
    assert listed(home) == {ERASED, BOTH}
    restrict(files, {RESTRICTED: WHY, BOTH: WHY})
    assert listed(home) == {ERASED, RESTRICTED, BOTH} == hidden_people(files)
    hide(files, ())
    assert listed(home) == {RESTRICTED, BOTH}
    succeeds("prepare")
    assert listed(home) == {RESTRICTED, BOTH}
    restrict(files, {})
    assert listed(home) == set() and scan(home / "lake", [ERASED.encode(), RESTRICTED.encode(), BOTH.encode()])[0] == []
