"""Impact assessments follow the contracts, and a review stands only for the facts that it judged."""

from pathlib import Path

import pytest

from lakehouse.contracts import Registry, dbt, registry
from lakehouse.contracts.made_from import Lineage, lineage
from lakehouse.privacy import dpia
from lakehouse.privacy.retention.rules import rules

VOICE = "kzone.voice.events"


@pytest.fixture(scope="module")
def made_from(root: Path) -> Lineage:
    return lineage(registry(), root / "dbt_project" / "models", dbt.staging_models(registry()))


@pytest.fixture
def reviewed(tmp_path: Path, made_from: Lineage):
    """reviewed(of=None): a repository in which somebody has judged the voice events, by default as they are."""

    def write(of: str | None = None, begins: str = "- reviewed on: 2026-11-26\n- reviewed by: the privacy office\n") -> Path:
        now = dpia.digest(dpia.facts(registry().get(VOICE), registry(), made_from))
        path = tmp_path / dpia.REVIEWS / f"{VOICE}.md"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{begins}- of: {of or now}\n\nNecessary, since accuracy cannot be told without hearing.\n")
        return tmp_path

    return write


def test_every_dataset_that_people_are_in_has_a_page(root: Path) -> None:
    pages = {path.stem for path in (root / dpia.FOLDER).glob("*.md")} - {"README"}
    assert pages == {c.id for c in dpia.assessed(registry())}
    index = (root / dpia.FOLDER / "README.md").read_text(encoding="utf-8")
    assert all(f"[{name}]({name}.md)" in index for name in pages)


def test_what_is_sent_and_what_becomes_of_it_is_told_field_by_field(made_from: Lineage, root: Path) -> None:
    for contract in registry().ingested:
        page = dpia.page(contract, registry(), made_from, root)
        for field in contract.fields:
            [told] = [line for line in page.splitlines() if line.startswith(f"| `{field.name}` |")]
            assert field.classification in told
            assert ("as it is" in told) == (field.treatment == "keep") and (f"`{field.becomes}`" in told) == bool(field.becomes)


def kept(page: str) -> str:
    """What a page says under 'How long'."""
    return page.split("## How long\n")[1].split("\n## ")[0]


def test_every_term_that_retention_carries_out_is_told_and_no_other(made_from: Lineage, root: Path) -> None:
    by: dict[str | None, list] = {}
    for rule in rules(registry()):
        by.setdefault(rule.contract, []).append(rule)
    for contract in dpia.assessed(registry()):
        text, terms = kept(dpia.page(contract, registry(), made_from, root)), by.get(contract.id, [])
        rows = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| ")][2:]
        assert [(int(days.replace(",", "")), since.strip("`"), why) for _, days, since, why in rows] == [
            (rule.days, rule.since, rule.why) for rule in terms
        ], contract.id
        assert all(rule.place in what for (what, *_), rule in zip(rows, terms) if rule.kind in ("clean", "warehouse"))
        has_row_term = any(rule.kind in ("clean", "warehouse") for rule in terms)
        assert has_row_term != ("no term" in text or "60 minutes" in text), contract.id
        assert ("forgotten" in text) == dpia.is_about_people(contract, registry()) and ("legal hold" in text) == bool(terms)


@pytest.mark.parametrize(
    ("contract_id", "lines"),
    [
        (VOICE, ("| media (speech), sealed | 7 | the day it was received on | faces, voices, motion |", "1,095 | the day it happened on")),
        ("auth.login.events", ("| rows of `auth/clean/login_events` | 365 | the day it happened on | rows name people |",)),
        ("source.users", ("the newest of a key stays",)),
        ("source.items", ("| raw, sealed | 30 |", "they are about nobody")),
        ("curated.fact_attempts", ("| rows of `curated.fact_attempts` | 1,095 | `occurred_on` |",)),
        ("curated.dim_user", ("worked out anew from what is left",)),
        ("live.person_attempts", ("60 minutes",)),
    ],
)
def test_terms_are_in_words(made_from: Lineage, root: Path, contract_id: str, lines: tuple[str, ...]) -> None:
    text = kept(dpia.page(registry().get(contract_id), registry(), made_from, root))
    assert all(line in text for line in lines), text


def test_recordings_words_and_profiles_require_one(made_from: Lineage) -> None:
    required = {c.id for c in dpia.assessed(registry()) if dpia.required_because(c, registry())}
    assert {VOICE, "kzone.motion.events", "exam.events", "features.student_skill_vector", "psychometrics.ability_estimates"} <= required
    assert not required & {"source.organizations", "curated.dim_date", "curated.mart_daily_activity", "source.items"}


def test_a_review_stands_for_the_facts_it_judged(reviewed, made_from: Lineage) -> None:
    voice, contracts = registry().get(VOICE), registry()
    root = reviewed()
    assert dpia.standing(voice, contracts, made_from, root) is dpia.Standing.CURRENT
    page = dpia.page(voice, contracts, made_from, root)
    assert "cannot be told without hearing" in page and "have changed since" not in page
    root = reviewed(of="0123456789ab")
    assert dpia.standing(voice, contracts, made_from, root) is dpia.Standing.OLDER
    assert "they were `0123456789ab`" in dpia.page(voice, contracts, made_from, root)
    assert dpia.standing(registry().get("kzone.motion.events"), contracts, made_from, root) is dpia.Standing.MISSING


@pytest.mark.parametrize(
    "old, new",
    [
        ("{name: duration_ms}", "{name: duration_ms}\n      - {name: review_text}"),
        ("rawRetentionDays, value: 7", "rawRetentionDays, value: 5"),
        ("purpose: What happens", "purpose: What else happens"),
    ],
)
def test_a_change_of_the_contract_asks_for_another_look(
    root: Path, tmp_path: Path, made_from: Lineage, reviewed, old: str, new: str
) -> None:
    import shutil

    folder = tmp_path / "contracts"
    shutil.copytree(root / "contracts", folder)
    path = folder / "kzone" / "voice_events.odcs.yaml"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    changed = Registry(folder)
    assert dpia.standing(changed.get(VOICE), changed, made_from, reviewed()) is dpia.Standing.OLDER


def test_a_review_that_does_not_say_of_what_it_is_is_refused(reviewed, made_from: Lineage) -> None:
    with pytest.raises(ValueError, match="must begin"):
        dpia.standing(registry().get(VOICE), registry(), made_from, reviewed(begins=""))
