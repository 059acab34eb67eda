"""Facts do not depend on when, in what order or in how many pieces their events came."""

import random
from pathlib import Path

import pytest
from clean_rows import exported, write
from small_town import town

from lakehouse.model.build import build
from lakehouse.settings import settings


def built_at_once(folder: Path, monkeypatch: pytest.MonkeyPatch, rows) -> dict[str, bytes]:
    monkeypatch.setenv("LAKEHOUSE_HOME", str(folder))
    settings.cache_clear()
    write(rows, "all")
    build(settings())
    return exported(folder)


def test_pieces_in_any_order_give_what_one_build_gives(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = town(seed=1)
    shuffled = random.Random(2).sample(rows, len(rows))
    half, rest = shuffled[::2], shuffled[1::2]
    # The later pieces touch every other day only: sittings whose other half is on an untouched day, first days that move
    # to before or from untouched days, old changes of source rows that come after newer ones.
    even_days = [row for row in rest if row.values["dt"].day % 2 == 0]
    odd_days = [row for row in rest if row.values["dt"].day % 2]
    for number, piece in enumerate([half, odd_days, even_days]):
        write(piece, f"piece-{number}")
        build(settings())
    in_pieces = exported(home)

    at_once = built_at_once(tmp_path / "at_once", monkeypatch, rows)

    assert in_pieces.keys() == at_once.keys()
    assert [name for name in at_once if in_pieces[name] != at_once[name]] == []
    assert all(at_once[f"curated.{name}"].count(b"\n") > 5 for name in ("fact_attempts", "fact_responses", "mart_retention", "dim_user"))
