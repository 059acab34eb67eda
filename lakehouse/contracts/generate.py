"""`make generate`: the few files that are derived from contracts and code, for those who cannot ask Python.

    contracts/ ─▶ released.json      what others rely on; a breaking change is refused before it is written
               ─▶ dbt_project/…      sources, staging, model contracts, column lists, seeds
               ─▶ terraform/…        a file a clean table, the datasets, and what each level sees
               ─▶ docs/dpia/…        an impact assessment a dataset, with the review that lies beside it
               ─▶ docs/catalogue/…   a page a dataset; docs/{settings,commands,exit_codes}.md

Each says who made it, and a test fails when one is stale.
"""

import json
from collections.abc import Callable
from pathlib import Path

from lakehouse import manual
from lakehouse.contracts import catalogue, dbt, evolve, live, terraform
from lakehouse.contracts.made_from import lineage
from lakehouse.contracts.registry import Registry
from lakehouse.errors import ContractError
from lakehouse.privacy import bigquery, dpia

NOTE = "Made by `make generate` from contracts/ and code. Do not edit."
_COMMENT = {".md": "<!-- {} -->\n\n", ".yml": "# {}\n\n", ".sql": "{{# {} #}}\n\n"}


def generated(contracts: Registry, root: Path) -> dict[str, str]:
    """Path below the repository's root → the text that must be there. Raises ContractError on a breaking change."""
    released = root / "contracts" / "released.json"
    texts = {"contracts/released.json": released_text(contracts, released, root / "dbt_project" / "models")}
    live.check_all(contracts)
    texts["docs/catalogue/README.md"] = catalogue.index_page(contracts)
    texts["docs/catalogue/vocabulary.md"] = catalogue.vocabulary_page(contracts)
    made_from = lineage(contracts, root / "dbt_project" / "models", dbt.staging_models(contracts))
    for contract in contracts:
        texts[f"docs/catalogue/{contract.id}.md"] = catalogue.contract_page(contract, contracts, made_from)
    texts[f"{dpia.FOLDER}/README.md"] = dpia.index(contracts, made_from, root)
    texts |= {f"{dpia.FOLDER}/{c.id}.md": dpia.page(c, contracts, made_from, root) for c in dpia.assessed(contracts)}
    manual_pages: dict[str, Callable[[], str]] = {
        "docs/settings.md": manual.settings_page,
        "docs/commands.md": manual.commands_page,
        "docs/exit_codes.md": manual.exit_codes_page,
    }
    texts |= {path: page() for path, page in manual_pages.items()}
    texts |= {path: render(contracts) for path, render in dbt.GENERATED.items()}
    texts |= dbt.staging_models(contracts)
    texts |= terraform.tables(contracts) | terraform.datasets(root) | {bigquery.FILE: bigquery.access_json(contracts)}
    return {path: _with_note(path, text) for path, text in texts.items()}


def released_text(contracts: Registry, released: Path, models: Path) -> str:
    """The new released.json. Raises ContractError naming each breach and the models that it breaks."""
    before = json.loads(released.read_text(encoding="utf-8")) if released.exists() else {}
    found = [(b, contract) for contract in contracts if contract.id in before for b in evolve.breaches(before[contract.id], contract)]
    gone = sorted(before.keys() - {c.id for c in contracts})
    if found or gone:
        lines = [f"{b.contract}{f'.{b.field}' if b.field else ''} {b.what}{_who(evolve.consumers(b, c, models))}" for b, c in found]
        lines += [f"{contract_id} was removed" for contract_id in gone]
        raise ContractError(
            "breaking change within a major version:\n  " + "\n  ".join(lines),
            hint="make it optional or wider, or raise the contract's major version and tell the consumers named above",
        )
    return json.dumps({c.id: evolve.shape(c) for c in sorted(contracts, key=lambda c: c.id)}, indent=1, ensure_ascii=False) + "\n"


def _who(models: list[str]) -> str:
    return f" (breaks {', '.join(models)})" if models else ""


def _with_note(path: str, text: str) -> str:
    comment = _COMMENT.get(Path(path).suffix)
    return comment.format(NOTE) + text if comment and NOTE not in text else text


def write(contracts: Registry, root: Path) -> list[str]:
    """Write what differs, delete what was made of contracts that are gone; return the changed paths, sorted."""
    texts = generated(contracts, root)
    changed = []
    for path, text in texts.items():
        target = root / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text, encoding="utf-8")
            changed.append(path)
    for orphan in _orphans(root, texts):
        (root / orphan).unlink()
        changed.append(orphan)
    return sorted(changed)


def _orphans(root: Path, texts: dict[str, str]) -> list[str]:
    """Files that we once made of a contract that is gone."""
    made = [
        *(root / "docs" / "catalogue").glob("*.md"),
        *(root / dpia.FOLDER).glob("*.md"),
        *(root / dbt.STAGING).glob("stg_*.sql"),
        *(root / terraform.TABLES).glob("*.json"),
    ]
    return [path for path in (str(file.relative_to(root)) for file in made) if path not in texts]


def stale(contracts: Registry, root: Path) -> list[str]:
    """Paths whose text is not what write() would leave."""
    texts = generated(contracts, root)
    return sorted(p for p, text in texts.items() if not (root / p).exists() or (root / p).read_text(encoding="utf-8") != text)
