"""What the tests of privacy share: one town of canaries."""

from pathlib import Path

import pytest

from tests.privacy import leak_town
from tests.privacy.leak_town import Town


@pytest.fixture(scope="session")
def town(tmp_path_factory: pytest.TempPathFactory, root: Path) -> Town:
    return leak_town.build(tmp_path_factory.mktemp("leaks") / "home", root / "contracts")
