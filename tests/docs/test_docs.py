"""Documentation that can fail: links lead somewhere, the quick start has two commands, every word of the glossary is used."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if not t.startswith("http") and not (page.parent / t).exists()]
    assert not missing


def test_the_quick_start_is_two_commands() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    block = re.search(r"## Quick start.*?```\n(.*?)```", readme, re.S).group(1)
    assert [line.split("#")[0].strip() for line in block.splitlines()] == ["make demo", "make test"]
    assert "## Not yet" in readme


def test_make_help_lists_every_target() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = set(re.search(r"^\.PHONY: (.*)$", makefile, re.M).group(1).split())
    helped = set(re.findall(r"^([a-z][a-z-]*):.*## ", makefile, re.M))
    assert phony == helped


def test_every_word_of_the_glossary_is_used() -> None:
    words = re.findall(r"^\| ([a-z ]+) \|", (ROOT / "docs" / "glossary.md").read_text(encoding="utf-8"), re.M)[1:]
    folders = ("lakehouse", "collectors", "beam_pipelines", "quality", "simulator", "dbt_project/models", "contracts", "feature_repo")
    sources = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in (".py", ".sql", ".yaml", ".yml", ".md")]
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources).lower()
    assert [w for w in words if w not in text] == []


def test_every_setting_is_used() -> None:
    from lakehouse.settings import Settings

    folders = (
        "lakehouse",
        "live",
        "collectors",
        "beam_pipelines",
        "quality",
        "simulator",
        "feature_repo",
        "source_database",
        "dashboards",
        "deploy",
        "dags",
        "dbt_project",
        "tests/conformance",
    )
    sources = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in (".py", ".yml") and p.name != "settings.py"]
    text = "\n".join(p.read_text(encoding="utf-8") for p in sources)
    assert [n for n in Settings.model_fields if not re.search(rf"\b(?:{n}|LAKEHOUSE_{n.upper()})\b", text)] == []


def test_every_make_and_lakehouse_command_a_page_names_exists() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z][a-z-]*):", makefile, re.M))
    commands = set(re.findall(r"^## lakehouse ([a-z]+)", (ROOT / "docs" / "commands.md").read_text(encoding="utf-8"), re.M))
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        assert set(re.findall(r"`make ([a-z-]+)", text)) <= targets, page.name
        assert set(re.findall(r"`lakehouse ([a-z]+)", text)) <= commands, page.name


def test_nothing_speaks_of_the_machine_it_was_made_on() -> None:
    suspicious = re.compile(r"/(?:root|work|Users)/[a-z]|https?://(?!localhost|127\.0\.0\.1)[^\s\"')]*(?:simple|pypi|registry|mirror)")
    made_here = {".git", ".venv", ".tools", "var", "target", "logs"}
    for file in ROOT.rglob("*"):
        is_ours = not made_here & set(file.relative_to(ROOT).parts) and file != Path(__file__)
        if is_ours and file.suffix in (".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".sql"):
            found = suspicious.search(file.read_text(encoding="utf-8"))
            assert not found, f"{file.relative_to(ROOT)}: {found.group(0)}"
