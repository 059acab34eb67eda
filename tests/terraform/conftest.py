import json
from pathlib import Path

import pytest
from extract_schema import SCHEMA
from hcl import TERRAFORM


@pytest.fixture(scope="session")
def files() -> dict[str, str]:
    """Every .tf, by its name."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(TERRAFORM.glob("*.tf"))}


@pytest.fixture(scope="session")
def schema() -> dict:
    return json.loads(SCHEMA.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def tables() -> dict[str, dict]:
    """What Terraform loops over: a file a clean table."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (TERRAFORM / "generated" / "tables").glob("*.json")}


@pytest.fixture(scope="session")
def datasets() -> dict[str, dict]:
    said = json.loads((Path(TERRAFORM) / "generated" / "datasets.json").read_text(encoding="utf-8"))
    return {each["dataset"]: each for each in said["datasets"]}
