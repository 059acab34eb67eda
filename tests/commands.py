"""A command of ours in this process: it ends as `lakehouse …` would, without the seconds in which a process of its own imports everything."""

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass

import pytest

from lakehouse.cli import main
from lakehouse.settings import settings


@dataclass(frozen=True)
class Done:
    returncode: int
    stdout: str
    stderr: str


def lakehouse(*words: str) -> Done:
    """`lakehouse` with these words, by the settings of the environment as it is now."""
    out, err = io.StringIO(), io.StringIO()
    settings.cache_clear()
    with redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["lakehouse", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    return Done(int(ended.value.code or 0), out.getvalue(), err.getvalue())


def succeeds(*words: str) -> str:
    """What a command prints that has to end well."""
    done = lakehouse(*words)
    assert done.returncode == 0, done.stdout[-2_000:] + done.stderr[-2_000:]
    return done.stdout
