"""The only reader of definitions/: YAML in, frozen dashboards out, or an error that names the file, the card and the cure.

A card's SQL asks curated tables alone, and in words that every engine answers alike (plain_sql.py). What its
columns mean comes from the vocabulary; a column that no contract knows is described where it stands, under `columns`.
"""

from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from dashboards import plain_sql
from lakehouse.errors import BadInputError

FOLDER = Path(__file__).resolve().parent / "definitions"
Chart = Literal["number", "line", "area", "bar", "table"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Card(_Frozen):
    """One question with its answer's form.

    says      a sentence for the reader: what the card shows
    y         the figures; of a table, all columns in order; of a number, the one
    before    number: the same figure of the stretch of time before, for comparison
    series    a line, area or bar a value of this column
    currency  of amounts, where the SQL chooses one; a table shows price_currency instead
    columns   what a column means that no contract knows
    """

    title: str = Field(min_length=3, max_length=60)
    says: str = Field(min_length=10, max_length=300)
    chart: Chart
    x: str | None = None
    y: tuple[str, ...] = Field(min_length=1)
    before: str | None = None
    series: str | None = None
    currency: str | None = Field(None, pattern="^[A-Z]{3}$")
    columns: dict[str, str] = {}
    sql: str

    @model_validator(mode="after")
    def _fits_together(self) -> "Card":
        if self.chart == "number" and (len(self.y) != 1 or self.x or self.series):
            raise ValueError("a number has one y, no x and no series")
        if self.chart == "table" and (self.x or self.series):
            raise ValueError("a table has its columns under y, no x and no series")
        if self.chart in ("line", "area", "bar") and not self.x:
            raise ValueError(f"a {self.chart} needs an x")
        if self.series and len(self.y) != 1:
            raise ValueError("series splits one y, not several")
        if self.before and self.chart != "number":
            raise ValueError("before is a number's")
        plain_sql.require_plain(self.sql, ordered=self.chart != "number")
        return self

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that the answer must have."""
        return tuple(dict.fromkeys(name for name in (self.x, self.series, *self.y, self.before) if name))

    @property
    def tables(self) -> tuple[str, ...]:
        """The curated tables that it asks, by name."""
        return plain_sql.tables(self.sql)

    @property
    def has_zone_filter(self) -> bool:
        return "{{zone}}" in self.sql

    def query(self, zone: str | None = None) -> str:
        """The SQL to run: of one zone, or of all."""
        return plain_sql.filled(self.sql, zone)


class Dashboard(_Frozen):
    """`key` is the file's name: what other systems remember it by. `place`: the lowest is shown first."""

    key: str
    place: int
    title: str = Field(min_length=3, max_length=60)
    question: str = Field(min_length=10)
    owner: str
    cards: tuple[Card, ...] = Field(min_length=1)

    @property
    def tables(self) -> tuple[str, ...]:
        return tuple(sorted({table for card in self.cards for table in card.tables}))

    @model_validator(mode="after")
    def _titles_differ(self) -> "Dashboard":
        titles = [card.title for card in self.cards]
        if twice := sorted({title for title in titles if titles.count(title) > 1}):
            raise ValueError(f"two cards are called {twice[0]!r}: rename one, they are found by their titles")
        return self


def read(folder: Path = FOLDER) -> tuple[Dashboard, ...]:
    """Every dashboard of the folder, in the order of their places. Raises BadInputError."""
    paths = sorted(folder.glob("*.yaml"))
    if not paths:
        raise BadInputError(f"no dashboard in {folder}", hint="a dashboard is a file such as definitions/revenue.yaml")
    return tuple(sorted((_dashboard(path) for path in paths), key=lambda dashboard: (dashboard.place, dashboard.key)))


@lru_cache(maxsize=1)
def dashboards() -> tuple[Dashboard, ...]:
    """The dashboards of this project, read once a process."""
    return read()


def _dashboard(path: Path) -> Dashboard:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except yaml.YAMLError as error:
        raise BadInputError(f"{path.name} is no YAML: {' '.join(str(error).split())}", hint="mend the line that it names") from error
    if not isinstance(content, dict):
        raise BadInputError(f"{path.name} holds no dashboard", hint="compare with definitions/revenue.yaml")
    try:
        return Dashboard(key=path.stem, **content)
    except ValidationError as error:
        told = "; ".join(_told(one, content) for one in error.errors())
        raise BadInputError(f"{path.name}: {told}", hint="dashboards/definitions.py says what each key means") from error


def _told(error: dict, content: dict) -> str:
    """Where and what, with a card by its title rather than its number."""
    where = [str(place) for place in error["loc"]]
    cards = content.get("cards")
    if len(where) > 1 and where[0] == "cards" and where[1].isdigit() and isinstance(cards, list) and int(where[1]) < len(cards):
        card = cards[int(where[1])]
        title = card.get("title") if isinstance(card, dict) else None
        where = [f"card {title!r}" if title else f"card {int(where[1]) + 1}", *where[2:]]
    return f"{', '.join(where)}: {error['msg'].removeprefix('Value error, ')}" if where else error["msg"].removeprefix("Value error, ")
