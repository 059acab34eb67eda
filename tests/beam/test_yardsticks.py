"""What refine's speed is measured against still does what refine does: the same rows come out."""

from pathlib import Path

import pytest

from bench.refine import Lake, require_equal
from bench.refine_yardsticks import duckdb_alone, naive_beam


@pytest.mark.parametrize("yardstick", [duckdb_alone, naive_beam])
def test_a_yardstick_leaves_the_rows_that_refine_leaves(yardstick, tmp_path: Path) -> None:
    lake = Lake(tmp_path, 200)
    lake.put("few", 200)
    lake.yardstick(yardstick, lake.raw("few"))
    lake.refine("few")
    require_equal(lake, yardstick.__name__)
