from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from uploading import Collector


@pytest.fixture
def collect(home: Path) -> Iterator[Callable[..., Collector]]:
    """collect(**settings) starts one; all are ended with the test."""
    running: list[Collector] = []

    def start(**options: object) -> Collector:
        running.append(Collector(home, **options))
        return running[-1]

    yield start
    for one in running:
        one.close()


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Collector]:
    """One for all tests of a module, whose home is the settings' too."""
    from lakehouse.settings import settings

    home = tmp_path_factory.mktemp("media") / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAKEHOUSE_HOME", str(home))
        patch.setenv("LAKEHOUSE_LOG_STRICT", "true")
        settings.cache_clear()
        one = Collector(home)
        one.home = home
        yield one
        one.close()
    settings.cache_clear()
