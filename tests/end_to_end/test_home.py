"""The demo rebuilds its own home, and never touches anybody else's."""

from pathlib import Path

import pytest

from lakehouse.errors import BadInputError
from simulator.demo.home import prepare


def test_an_absent_home_is_made(tmp_path: Path) -> None:
    assert "made" in prepare(tmp_path / "home", 1.0, 7)
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["demo.json"]


def test_the_last_demos_home_is_made_anew(tmp_path: Path) -> None:
    prepare(tmp_path / "home", 1.0, 7)
    (tmp_path / "home" / "lake").mkdir()
    (tmp_path / "home" / "lake" / "row").write_text("of the last demo")
    assert "removed the last demo's" in prepare(tmp_path / "home", 1.0, 8)
    assert [file.name for file in (tmp_path / "home").iterdir()] == ["demo.json"]


def test_a_lake_that_no_demo_made_is_refused_and_kept(tmp_path: Path) -> None:
    (tmp_path / "row").write_text("somebody's")
    with pytest.raises(BadInputError) as refused:
        prepare(tmp_path, 1.0, 7)
    assert "LAKEHOUSE_HOME" in refused.value.hint
    assert [file.name for file in tmp_path.iterdir()] == ["row"]
