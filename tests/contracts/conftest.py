import shutil
from pathlib import Path

import pytest


@pytest.fixture
def edited(root: Path, tmp_path: Path):
    """A copy of the repository's contracts to edit: edited(path, old, new) replaces text in one file, once."""
    folder = tmp_path / "contracts"
    shutil.copytree(root / "contracts", folder)

    def edit(path: str, old: str, new: str) -> Path:
        file = folder / path
        text = file.read_text(encoding="utf-8")
        assert text.count(old) >= 1, f"{old!r} is not in {path}"
        file.write_text(text.replace(old, new, 1), encoding="utf-8")
        return folder

    return edit
