"""What every test shares: the order of files, the repository's root, a lake of its own, and settings read anew."""

from collections import defaultdict
from pathlib import Path

import pytest

from lakehouse.settings import settings

ROOT = Path(__file__).resolve().parent.parent


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--full-faults", action="store_true", help="as many rounds of each fault as `make faults` promises")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files marked slow(seconds) start first, the longest first: a worker that begins one at the end would end alone."""
    seconds: dict[Path, int] = defaultdict(int)
    for item in items:
        if mark := item.get_closest_marker("slow"):
            seconds[item.path] = max(seconds[item.path], *mark.args)
    items.sort(key=lambda item: -seconds[item.path])


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty LAKEHOUSE_HOME, seen by this process and by those it starts."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("LAKEHOUSE_HOME", str(folder))
    monkeypatch.setenv("LAKEHOUSE_LOG_STRICT", "true")
    settings.cache_clear()
    yield folder
    settings.cache_clear()
