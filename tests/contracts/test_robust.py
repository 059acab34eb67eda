"""Contracts are well made: valid by the standard's own schema, bounded, described, classified, and mean one thing."""

import json
from pathlib import Path

import jsonschema
import open_data_contract_standard
import pytest
import yaml

from lakehouse.contracts import registry
from lakehouse.contracts.model import KEPT_BY_DEFAULT
from lakehouse.contracts.project import clean_fields, restricted
from lakehouse.contracts.registry import Registry
from lakehouse.errors import ContractError

ROOT = Path(__file__).resolve().parent.parent.parent
FILES = sorted((ROOT / "contracts").rglob("*.odcs.yaml"))
STANDARD = json.loads((Path(open_data_contract_standard.__file__).parent / "schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.validators.validator_for(STANDARD)(STANDARD)


@pytest.mark.parametrize("path", FILES, ids=lambda p: p.name)
def test_valid_by_the_standards_own_schema(path: Path) -> None:
    errors = [f"{list(e.absolute_path)}: {e.message}" for e in VALIDATOR.iter_errors(yaml.safe_load(path.read_text(encoding="utf-8")))]
    assert not errors, f"{path.name} is not ODCS v3.1"


def test_the_standards_schema_refuses_what_it_should() -> None:
    contract = yaml.safe_load(FILES[0].read_text(encoding="utf-8"))
    del contract["apiVersion"]
    assert list(VALIDATOR.iter_errors(contract))


@pytest.mark.parametrize("contract", list(registry()), ids=lambda c: c.id)
def test_names_of_a_contract_stand_for_something(contract) -> None:
    names = set(contract.names)
    for name in [contract.subject, contract.event_time, *[f for _, required in contract.event_types for f in required]]:
        assert name is None or name in names, f"{contract.id} speaks of {name}, which it does not have"
    assert contract.row_key is None or contract.row_key in names | {"org_id", "zone_id"}
    assert set(contract.primary_key) <= names
    assert len(names) == len(contract.fields), f"{contract.id} lists a field twice"


@pytest.mark.parametrize("contract", registry().ingested, ids=lambda c: c.id)
def test_nothing_that_names_a_person_reaches_clean(contract) -> None:
    """What is restricted still, free text that was redacted and networks, is there under another name, and encrypted."""
    redacted = {f.becomes for f in contract.fields if f.treatment == "redact"}
    less_than_it_was = redacted | {f.becomes for f in contract.fields if f.treatment == "truncate_ip"}
    encrypted = restricted(contract, registry().vocabulary)
    for column in clean_fields(contract, registry().vocabulary):
        assert column.name in less_than_it_was or column.classification in KEPT_BY_DEFAULT, (
            f"{contract.id}.{column.name} is {column.classification}"
        )
        assert (column.name in redacted) == (column.classification == "sensitive")
        assert (column.name in encrypted) == (column.name in less_than_it_was)


@pytest.mark.parametrize("field", registry().vocabulary.values(), ids=lambda f: f.name)
def test_a_name_tells_its_type(field) -> None:
    endings = {"_at": "timestamp", "_on": "date", "_usd": "decimal", "_amount": "decimal", "_ms": ("integer", "float")}
    for ending, kind in endings.items():
        if field.name.endswith(ending):
            assert field.type in kind, f"{field.name} is {field.type}"
    if field.type == "boolean":
        assert field.name.startswith(("is_", "has_"))
    assert field.description.endswith("."), f"describe {field.name} in a sentence"


def test_every_word_is_used() -> None:
    contracts = registry()
    used = {name for c in contracts for name in c.names} | {f.becomes for f in contracts.vocabulary.values()}
    used |= {column.name for c in contracts.ingested for column in clean_fields(c, contracts.vocabulary)}
    used |= {"site_host", "zone_code", "zone_name"}  # reference/zones.yaml
    used |= {"legal_basis"}  # the register of disclosures, in the vault's database
    assert contracts.vocabulary.keys() - used == set()


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("exams/events.odcs.yaml", "{name: skill}", "{name: skil}", "'skil' is not in the vocabulary"),
        (
            "vocabulary.yaml",
            "classification: identifier, max_length: 254",
            "classification: identifier, treatment: keep, max_length: 254",
            "may not be kept",
        ),
        ("vocabulary.yaml", "email: {type: text", "email: {type: txt", "unknown type 'txt'"),
        # Free text goes on redacted or not at all, and what it becomes is as sensitive.
        ("vocabulary.yaml", "treatment: redact, becomes: redacted_answer_text, ", "treatment: keep, ", "may not be kept"),
        ("vocabulary.yaml", "redact, becomes: redacted_answer_text, ", "redact, ", "`becomes` goes with"),
        (
            "vocabulary.yaml",
            "redact, becomes: redacted_answer_text, ",
            "pseudonymise, becomes: redacted_answer_text, ",
            "redacted or not at all",
        ),
        (
            "vocabulary.yaml",
            "redacted_answer_text: {type: text, classification: sensitive",
            "redacted_answer_text: {type: text, classification: internal",
            "a redacted text is a text, sensitive",
        ),
        ("vocabulary.yaml", "year_only, becomes: birth_year", "redact, becomes: birth_year", "only text can be redacted"),
        ("exams/events.odcs.yaml", "physicalType: stream", "physicalType: river", "is no layer"),
        (
            "exams/events.odcs.yaml",
            "{name: skill}",
            "{name: skill, logicalType: string, classification: public, description: x.}",
            "here and in the vocabulary",
        ),
        ("exams/events.odcs.yaml", "domain: exams\n", "", "KeyError: 'domain'"),
    ],
)
def test_a_mistake_is_named_with_its_file(edited, path, old, new, said) -> None:
    with pytest.raises(ContractError, match=said):
        Registry(edited(path, old, new))
