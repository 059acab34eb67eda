"""A calibration that does not come to rest is told of, and not passed over."""

from pathlib import Path

import pytest
from school import answers, fill

from lakehouse.settings import settings
from psychometrics import three_pl
from psychometrics.run import run
from tests.commands import lakehouse


def test_a_calibration_that_was_cut_short_is_told_of(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(home, answers(1))
    assert run(settings()).restless == 0
    monkeypatch.setattr(three_pl, "_MOST_ROUNDS", 1)
    assert run(settings(), anew=True).restless == 1
    told = lakehouse("calibrate", "--anew")
    assert told.returncode == 0 and "did not come to rest" in told.stderr
