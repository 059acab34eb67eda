"""Lakes for builds, one after another at one path: dbt keeps its parse of the project for as long as the warehouse's path is the same.

A parse is half of what a first build costs here.
"""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from lakehouse.settings import settings

PARSE = "partial_parse.msgpack"
NewLake = Callable[[], AbstractContextManager[Path]]


def lakes_at(place: Path) -> NewLake:
    kept = place.with_name(PARSE)
    target = place / "warehouse" / "dbt" / "target"

    @contextmanager
    def new_lake() -> Iterator[Path]:
        shutil.rmtree(place, ignore_errors=True)
        target.mkdir(parents=True)
        if kept.exists():
            shutil.copy(kept, target)
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("LAKEHOUSE_HOME", str(place))
            patch.setenv("LAKEHOUSE_LOG_STRICT", "true")
            settings.cache_clear()
            yield place
        settings.cache_clear()
        if not kept.exists() and (target / PARSE).exists():  # the first one's: a later test may have read a project of its own
            shutil.copy(target / PARSE, kept)

    return new_lake
