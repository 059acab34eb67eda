"""The dashboards brought into a running Metabase: what is there is changed, what is missing is made, and nothing doubled.

    database ─▶ collection ─▶ a collection a dashboard ─▶ its cards ─▶ the dashboard, its filter wired to its cards

Things are found by name inside our own collection. A card that no definition holds any more is archived, so that it can
be brought back; whatever people made elsewhere in Metabase is never touched.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

from dashboards.definitions import Card, Dashboard
from dashboards.metabase import shapes
from dashboards.metabase.client import Metabase
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError

_Told = Callable[[str], None]


@dataclass
class Provisioned:
    made: int = 0
    changed: int = 0
    archived: int = 0

    def sentence(self) -> str:
        return f"made {self.made}, changed {self.changed}, archived {self.archived}"


class Provisioning:
    """One run against one Metabase."""

    def __init__(self, api: Metabase, contracts: Registry, told: _Told = lambda line: None) -> None:
        self._api, self._contracts, self._told = api, contracts, told
        self.done = Provisioned()

    def run(self, dashboards: tuple[Dashboard, ...], database_url: str) -> Provisioned:
        """`database_url`: PostgreSQL as Metabase reaches it, with the login that it shall use."""
        database = self._database(database_url)
        top = self._collection(shapes.COLLECTION, "The six dashboards, made from dashboards/definitions.", None)
        for dashboard in dashboards:
            own = self._collection(dashboard.title, dashboard.question, top)
            self._dashboard(dashboard, database, own)
        return self.done

    def _database(self, url: str) -> int:
        known = {each["name"]: each["id"] for each in self._api.get("/api/database")["data"]}
        content = {"name": shapes.DATABASE, "engine": "postgres", "details": details(url), "is_full_sync": True}
        return self._kept("database", "/api/database", known.get(shapes.DATABASE), content)

    def _collection(self, name: str, description: str, parent: int | None) -> int:
        """Found below its parent: a collection's location is the path of its ancestors' ids."""
        known = {
            each["name"]: each["id"]
            for each in self._api.get("/api/collection")
            if not each.get("archived")
            and str(each.get("location") or "/").endswith(f"/{parent}/" if parent else "/")
            and (parent is not None or each.get("location", "/") == "/")
        }
        content = {"name": name, "description": description, "parent_id": parent}
        return self._kept("collection", "/api/collection", known.get(name), content)

    def _dashboard(self, dashboard: Dashboard, database: int, collection: int) -> None:
        there = self._api.get(f"/api/collection/{collection}/items", models=["card", "dashboard"])["data"]
        cards = {each["name"]: each["id"] for each in there if each["model"] == "card"}
        numbers = {card.title: self._card(dashboard, card, database, collection, cards.get(card.title)) for card in dashboard.cards}
        for name in sorted(cards.keys() - numbers.keys()):
            self._api.put(f"/api/card/{cards[name]}", {"archived": True})
            self.done.archived += 1
            self._told(f"archived card {name}")
        known = next((each["id"] for each in there if each["model"] == "dashboard" and each["name"] == dashboard.title), None)
        parameters = [shapes.zone_parameter(dashboard, self._contracts)] if shapes.has_zone_filter(dashboard) else []
        content = {"name": dashboard.title, "description": dashboard.question, "collection_id": collection, "parameters": parameters}
        if known is None:
            known = self._kept("dashboard", "/api/dashboard", None, content)
        standing = {each["card_id"]: each["id"] for each in self._api.get(f"/api/dashboard/{known}")["dashcards"]}
        dashcards = [
            # a number below zero is Metabase's sign for one that is not there yet
            {"id": standing.get(numbers[card.title], -1 - place), "card_id": numbers[card.title], **where.as_dict()}
            | {"parameter_mappings": _wired(card, numbers[card.title], parameters), "visualization_settings": {}, "series": []}
            for place, (card, where) in enumerate(shapes.placed(dashboard))
        ]
        self._kept("dashboard", "/api/dashboard", known, content | {"dashcards": dashcards, "width": "full"})

    def _card(self, dashboard: Dashboard, card: Card, database: int, collection: int, known: int | None) -> int:
        tags = {"zone": shapes.zone_tag(dashboard, card)} if card.has_zone_filter else {}
        content = {
            "name": card.title,
            "description": shapes.description(card),
            "display": shapes.display(card),
            "type": "question",
            "collection_id": collection,
            "dataset_query": {"type": "native", "database": database, "native": {"query": card.sql, "template-tags": tags}},
            "parameters": [shapes.zone_parameter(dashboard, self._contracts, card)] if tags else [],
            "visualization_settings": shapes.settings_of(card, self._contracts),
        }
        return self._kept("card", "/api/card", known, content)

    def _kept(self, what: str, path: str, known: int | None, content: dict) -> int:
        if known is None:
            self.done.made += 1
            self._told(f"made {what} {content['name']}")
            return self._api.post(path, content)["id"]
        self.done.changed += 1
        self._told(f"changed {what} {content['name']}")
        self._api.put(f"{path}/{known}", content)
        return known


def _wired(card: Card, number: int, parameters: list[dict]) -> list[dict]:
    if not card.has_zone_filter:
        return []
    return [{"parameter_id": each["id"], "card_id": number, "target": shapes.ZONE_TARGET} for each in parameters]


def details(url: str) -> dict:
    """Metabase's connection details of a libpq URL. Raises BadInputError; the message holds no part of it."""
    parts = urlsplit(url)
    if not (parts.scheme in ("postgresql", "postgres") and parts.hostname and parts.username and parts.path.strip("/")):
        raise BadInputError(
            "LAKEHOUSE_METABASE_DATABASE_URL is no PostgreSQL address with a user", hint="write postgresql://login:password@host/database"
        )
    options = dict(parse_qsl(parts.query))
    return {
        "host": parts.hostname,
        "port": parts.port or 5432,
        "dbname": parts.path.strip("/"),
        "user": unquote(parts.username),
        "password": unquote(parts.password or ""),
        "ssl": options.get("sslmode", "disable") not in ("disable", "allow", "prefer"),
        "ssl-mode": options.get("sslmode", "disable"),
        "schema-filters-type": "inclusion",
        "schema-filters-patterns": "curated",
        "let-user-control-scheduling": False,
    }
