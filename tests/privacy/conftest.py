"""What the tests of privacy share: one town of canaries, and looks of readers at it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from lakehouse.privacy.reading import Looks
from lakehouse.storage.open import open_audit
from tests.privacy import leak_town
from tests.privacy.leak_town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Town:
    return leak_town.build(tmp_path_factory.mktemp("leaks") / "home", root / "contracts")


@pytest.fixture
def looks(town: Town) -> Iterator:
    audit = open_audit(town.settings)
    yield lambda who, actor="one": Looks(leak_town.reader(who, actor), audit)
    audit.close()
