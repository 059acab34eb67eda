"""The dashboards as a tree of Metabase's representation format, version 1: what its own importer reads.

    <folder>/collections/main/megacity_dashboards.yaml
                             /megacity_dashboards/<dashboard>.yaml, <dashboard>/<card>.yaml

Ids are made from names, so that a tree written twice is the same, and an import changes what an earlier one made.
Metabase reads such trees in its paid editions; the API (provisioning.py) serves them all.
"""

import re
from pathlib import Path

import yaml

from dashboards.definitions import Card, Dashboard
from dashboards.metabase import shapes
from lakehouse.contracts.registry import Registry

_CREATOR = "internal@metabase.com"  # Metabase's own user for what no person made
_MAIN = Path("collections") / "main"


def tree(dashboards: tuple[Dashboard, ...], contracts: Registry) -> dict[str, str]:
    """Path below the folder → the text of the file."""
    slug = _slug(shapes.COLLECTION)
    made = {f"{_MAIN / slug}.yaml": _collection(dashboards)}
    for dashboard in dashboards:
        home = _MAIN / slug / _slug(dashboard.title)
        made[f"{home}.yaml"] = _dashboard(dashboard, contracts)
        for card in dashboard.cards:
            made[f"{home / _slug(card.title)}.yaml"] = _card(dashboard, card, contracts)
    return {path: yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=140) for path, content in made.items()}


def write(folder: Path, files: dict[str, str]) -> None:
    """Write them; files that are there and not ours stay as they are. Raises OSError."""
    for path, text in files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")


def _collection(dashboards: tuple[Dashboard, ...]) -> dict:
    return {
        "name": shapes.COLLECTION,
        "description": f"{', '.join(dashboard.title for dashboard in dashboards)}. Made from dashboards/definitions.",
        "entity_id": _COLLECTION_ID,
        "slug": _slug(shapes.COLLECTION),
        "serdes/meta": [_meta("Collection", _COLLECTION_ID, shapes.COLLECTION)],
    }


def _card(dashboard: Dashboard, card: Card, contracts: Registry) -> dict:
    own = _card_id(dashboard, card)
    tags = [shapes.zone_tag(dashboard, card)] if card.has_zone_filter else []
    return {
        "name": card.title,
        "description": shapes.description(card),
        "entity_id": own,
        "display": shapes.display(card),
        "creator_id": _CREATOR,
        "type": "question",
        "collection_id": _COLLECTION_ID,
        "dashboard_id": _dashboard_id(dashboard),
        "dataset_query": {
            "lib/type": "mbql/query",
            "database": shapes.DATABASE,
            "stages": [{"lib/type": "mbql.stage/native", "native": card.sql, "template-tags": tags}],
        },
        "parameters": [shapes.zone_parameter(dashboard, contracts, card)] if tags else [],
        "parameter_mappings": [],
        "visualization_settings": shapes.settings_of(card, contracts),
        "serdes/meta": [_meta("Card", own, card.title)],
    }


def _dashboard(dashboard: Dashboard, contracts: Registry) -> dict:
    own = _dashboard_id(dashboard)
    parameters = [shapes.zone_parameter(dashboard, contracts)] if shapes.has_zone_filter(dashboard) else []
    return {
        "name": dashboard.title,
        "description": dashboard.question,
        "entity_id": own,
        "creator_id": _CREATOR,
        "collection_id": _COLLECTION_ID,
        "collection_position": dashboard.place,
        "width": "full",
        "parameters": parameters,
        "dashcards": [_standing(dashboard, card, place, parameters) for card, place in shapes.placed(dashboard)],
        "serdes/meta": [_meta("Dashboard", own, dashboard.title)],
    }


def _standing(dashboard: Dashboard, card: Card, place: shapes.Place, parameters: list[dict]) -> dict:
    own = shapes.entity_id("dashcard", dashboard.key, card.title)
    target = {"card_id": _card_id(dashboard, card), "target": shapes.ZONE_TARGET}
    mappings = [{"parameter_id": p["id"]} | target for p in parameters] if card.has_zone_filter else []
    return {
        "entity_id": own,
        "card_id": _card_id(dashboard, card),
        **place.as_dict(),
        "parameter_mappings": mappings,
        "visualization_settings": {},
        "serdes/meta": [{"id": _dashboard_id(dashboard), "model": "Dashboard"}, {"id": own, "model": "DashboardCard"}],
    }


_COLLECTION_ID = shapes.entity_id("collection")


def _dashboard_id(dashboard: Dashboard) -> str:
    return shapes.entity_id("dashboard", dashboard.key)


def _card_id(dashboard: Dashboard, card: Card) -> str:
    return shapes.entity_id("card", dashboard.key, card.title)


def _meta(model: str, own: str, name: str) -> dict:
    return {"id": own, "label": _slug(name), "model": model}


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
