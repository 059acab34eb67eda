"""Within a major version old records stay valid and old queries go on working; a breach is named, with who breaks."""

import json

import pytest

from lakehouse.contracts import evolve, generate
from lakehouse.contracts.registry import Registry
from lakehouse.errors import ContractError

EVENTS = "exams/events.odcs.yaml"


def found(root, folder, contract_id="exam.events") -> list[str]:
    released = json.loads((root / "contracts" / "released.json").read_text(encoding="utf-8"))
    return [f"{b.field} {b.what}" for b in evolve.breaches(released[contract_id], Registry(folder).get(contract_id))]


def test_what_is_committed_breaks_nobody(root) -> None:
    contracts = Registry(root / "contracts")
    released = json.loads((root / "contracts" / "released.json").read_text(encoding="utf-8"))
    assert released.keys() == {c.id for c in contracts}
    assert [b for c in contracts for b in evolve.breaches(released[c.id], c)] == []


@pytest.mark.parametrize(
    ("path", "old", "new", "breach"),
    [
        (EVENTS, "      - {name: skill}\n", "", "skill was removed"),
        (EVENTS, "{name: skill}", "{name: skill, required: true}", "skill was optional and is now required"),
        (EVENTS, "{name: skill}", "{name: skill}\n      - {name: quantity, required: true}", "quantity is new and required"),
        (EVENTS, "attempt_started: [user_id,", "attempt_started: [skill, user_id,", "skill is newly required of 'attempt_started'"),
        (EVENTS, "attempt_started: [", "attempt_begun: [", "event_type no longer takes 'attempt_started'"),
        (EVENTS, "unknownFields, value: keep", "unknownFields, value: refuse", "None unknown fields were kept and are now refused"),
        (
            "vocabulary.yaml",
            "score: {type: float, classification: internal, min: 0, max: 100",
            "score: {type: float, classification: internal, min: 0, max: 10",
            "score has a narrower maximum",
        ),
        ("vocabulary.yaml", "score: {type: float", "score: {type: integer", "score type changed from 'float' to 'integer'"),
        ("vocabulary.yaml", "[desktop, phone,", "[desktop,", "device_type no longer takes phone"),
        (
            "vocabulary.yaml",
            "treatment: redact, becomes: redacted_answer_text, ",
            "",
            "answer_text treatment changed from 'redact' to 'drop'",
        ),
    ],
)
def test_a_breaking_change_is_seen(root, edited, path, old, new, breach) -> None:
    assert any(f.startswith(breach) for f in found(root, edited(path, old, new)))


@pytest.mark.parametrize(
    ("path", "old", "new"),
    [
        (EVENTS, "{name: skill}", "{name: skill}\n      - {name: quantity}"),
        ("vocabulary.yaml", "[desktop, phone,", "[desktop, phone, watch,"),
        ("vocabulary.yaml", 'min: 0, max: 100, description: "Score', 'min: 0, max: 1000, description: "Score'),
        (EVENTS, "version: 1.0.0", "version: 2.0.0"),
        # What was dropped is redacted from now on: one column more.
        (
            "vocabulary.yaml",
            'max_length: 32768, description: "What was asked',
            'max_length: 32768, treatment: redact, becomes: redacted_answer_text, description: "What was asked',
        ),
    ],
)
def test_a_compatible_change_passes(root, edited, path, old, new) -> None:
    folder = edited(path, old, new)
    assert found(root, folder) == found(root, folder, "ai.usage.events") == []


def test_generate_refuses_a_breach_and_says_which_consumer_breaks(root, edited) -> None:
    folder = edited(EVENTS, "      - {name: response_index}\n", "")
    edited(EVENTS, "item_id, response_index, is_correct", "item_id, is_correct")
    with pytest.raises(ContractError) as refusal:
        generate.released_text(Registry(folder), root / "contracts" / "released.json", root / "dbt_project" / "models")
    assert "exam.events.response_index was removed" in str(refusal.value)
    assert "fact_responses.sql" in str(refusal.value)
    assert "major version" in refusal.value.hint


def test_generate_refuses_to_drop_a_whole_contract(root, edited) -> None:
    folder = edited(EVENTS, "id: exam.events", "id: exam.happenings")
    with pytest.raises(ContractError, match=r"exam\.events was removed"):
        generate.released_text(Registry(folder), root / "contracts" / "released.json", root / "dbt_project" / "models")
