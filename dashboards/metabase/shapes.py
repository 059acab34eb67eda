"""A card and a dashboard in Metabase's words, without the numbers and names by which one Metabase knows another's things.

What both doors (the API and the files) need is said here once: how a card is drawn, its filter, and where it stands.
"""

import hashlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass

from dashboards.definitions import Card, Dashboard
from dashboards.figures import Figure, figures
from lakehouse.contracts.registry import Registry

COLLECTION = "MegaCity dashboards"
DATABASE = "MegaCity"
ZONE_TARGET = ["variable", ["template-tag", "zone"]]
_DISPLAY = {"number": "scalar"}
_GRID = 24
_OURS = uuid.UUID("5d1ad0a4-7f6e-5a52-9d54-6f4e2a9f6c11")  # any, for ever the same: other ids are made from it


@dataclass(frozen=True, slots=True)
class Place:
    """Where a card stands on the grid of 24 columns."""

    row: int
    col: int
    size_x: int
    size_y: int

    def as_dict(self) -> dict[str, int]:
        return {"row": self.row, "col": self.col, "size_x": self.size_x, "size_y": self.size_y}


def display(card: Card) -> str:
    return _DISPLAY.get(card.chart, card.chart)


def settings_of(card: Card, contracts: Registry) -> dict:
    """Metabase's visualization_settings: titles and units from the vocabulary."""
    meant = figures(card, contracts)
    told: dict = {"column_settings": {f'["name","{name}"]': _column(figure) for name, figure in meant.items()}}
    if card.chart == "number":
        return told | {"scalar.field": card.y[0]}
    if card.chart == "table":
        return told | {"table.columns": [{"name": name, "enabled": True} for name in card.y]}
    up = meant[card.y[0]]
    told |= {
        "graph.dimensions": [name for name in (card.x, card.series) if name],
        "graph.metrics": list(card.y),
        "graph.x_axis.title_text": meant[card.x].axis,
        "graph.y_axis.title_text": up.axis if len(card.y) == 1 else up.unit or up.label,
        "graph.x_axis.scale": "timeseries" if meant[card.x].kind in ("date", "timestamp") else "ordinal",
    }
    return told | ({"stackable.stack_type": "stacked"} if card.chart == "area" else {})


def _column(figure: Figure) -> dict:
    told: dict = {"column_title": figure.axis}
    if figure.kind == "ratio":
        return told | {"number_style": "percent", "decimals": 1}
    if figure.kind != "number":
        return told
    decimals = int(figure.form.rpartition(".")[2].removesuffix("f"))
    currency = {"US$": "USD"}.get(figure.unit, figure.unit)
    if len(currency) == 3 and currency.isupper():
        return told | {"number_style": "currency", "currency": currency, "currency_style": "code", "decimals": decimals}
    return told | {"decimals": decimals}


def zone_tag(dashboard: Dashboard, card: Card) -> dict:
    """The template tag of the optional zone filter."""
    return {"id": uuid_of("tag", dashboard.key, card.title), "name": "zone", "display-name": "Zone", "type": "text"}


def zone_parameter(dashboard: Dashboard, contracts: Registry, card: Card | None = None) -> dict:
    """The filter of a dashboard, or of a card by itself: any one zone of the nine."""
    zones = [[zone.zone_id, zone.zone_name] for zone in contracts.zones]
    told = {
        "id": zone_tag(dashboard, card)["id"] if card else uuid_of("parameter", dashboard.key),
        "name": "Zone",
        "slug": "zone",
        "type": "category" if card else "string/=",
        "sectionId": "string",
        "values_query_type": "list",
        "values_source_type": "static-list",
        "values_source_config": {"values": zones},
    }
    return told | ({"target": ZONE_TARGET} if card else {"isMultiSelect": False})


def has_zone_filter(dashboard: Dashboard) -> bool:
    return any(card.has_zone_filter for card in dashboard.cards)


def description(card: Card) -> str:
    return f"{card.says} Asks {', '.join(f'curated.{table}' for table in card.tables)}."


def placed(dashboard: Dashboard) -> Iterator[tuple[Card, Place]]:
    """Numbers in the first row, then charts two a row (a last one alone is wide), then tables."""
    row = 0
    numbers = [card for card in dashboard.cards if card.chart == "number"]
    for place, card in enumerate(numbers):
        width = _GRID // len(numbers)
        yield card, Place(0, place * width, width, 4)
    row += 4 if numbers else 0
    charts = [card for card in dashboard.cards if card.chart not in ("number", "table")]
    for place, card in enumerate(charts):
        is_alone = place == len(charts) - 1 and place % 2 == 0
        yield card, Place(row, 0 if place % 2 == 0 else _GRID // 2, _GRID if is_alone else _GRID // 2, 8)
        row += 8 if place % 2 or is_alone else 0
    for card in dashboard.cards:
        if card.chart == "table":
            yield card, Place(row, 0, _GRID, 9)
            row += 9


def uuid_of(*names: str) -> str:
    return str(uuid.uuid5(_OURS, "/".join(names)))


def entity_id(*names: str) -> str:
    """A NanoID that is the same wherever and whenever it is made, so that an import finds what an earlier one left."""
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"
    return "".join(alphabet[byte % 64] for byte in hashlib.sha256("/".join(names).encode()).digest()[:21])
