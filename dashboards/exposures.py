"""The dashboards as dbt exposures, so that dbt's lineage ends where people look, and says whom a change of a mart meets.

definitions ─▶ exposures_text() ─▶ dbt_project/models/exposures.yml, written by `make generate`, with a test that it is fresh
"""

from pathlib import Path

import yaml

from dashboards.definitions import Dashboard

FILE = Path("dbt_project") / "models" / "exposures.yml"
_MADE = "# Made by `make generate` from dashboards/definitions. Do not edit.\n\n"


def exposures_text(dashboards: tuple[Dashboard, ...]) -> str:
    exposures = [
        {
            "name": f"dashboard_{dashboard.key}",
            "label": dashboard.title,
            "type": "dashboard",
            "maturity": "high",
            "description": f"{dashboard.question} Cards: {'; '.join(card.title for card in dashboard.cards)}.",
            "owner": {"name": dashboard.owner},
            "depends_on": [f"ref('{table}')" for table in dashboard.tables],
        }
        for dashboard in dashboards
    ]
    return _MADE + yaml.safe_dump({"version": 2, "exposures": exposures}, sort_keys=False, allow_unicode=True, width=140)


def is_stale(root: Path, dashboards: tuple[Dashboard, ...]) -> bool:
    file = root / FILE
    return not file.exists() or file.read_text(encoding="utf-8") != exposures_text(dashboards)
