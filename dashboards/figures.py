"""What a column is called, counted in, and how its numbers are written: from the vocabulary and the names' own units.

    mean_latency_ms ─▶ Figure(label "Mean latency", unit "ms", form ",.0f", description of the vocabulary)

A name says its unit by its ending (`_ms`, `_usd`, `_ratio`, `_count`); a score's range and ability's logits are in the
vocabulary. So axis titles, tooltips and Metabase's settings are derived, and nobody retypes a unit.
"""

from dataclasses import dataclass

from dashboards.definitions import Card
from lakehouse.contracts.model import Field
from lakehouse.contracts.registry import Registry
from lakehouse.errors import BadInputError

_WHOLE = {
    "ai": "AI",
    "org": "organization",
    "price": "",
    "dau": "daily active users",
    "wau": "weekly active users",
    "mau": "monthly active users",
    "arpu": "ARPU",
}
_DONE = ("ed", "paid", "correct")  # what became of something: no noun to count
_DROPPED = frozenset({"id", "name", "count", "ms", "usd", "ratio", "on", "at", "total", "amount"})


@dataclass(frozen=True, slots=True)
class Figure:
    """kind: number, ratio, date, timestamp or text. `form` is a number's format, in d3's words."""

    name: str
    label: str
    unit: str
    kind: str
    form: str
    description: str

    @property
    def axis(self) -> str:
        """The label with its unit, as an axis or a table's head writes it."""
        return f"{self.label} ({self.unit})" if self.unit and not self.label.endswith(self.unit) else self.label

    def written(self, value: object) -> str:
        """A value as people read it; a dash where there is none."""
        if value is None:
            return "–"
        if self.kind == "ratio":
            return f"{value:.1%}"
        if self.kind == "number":
            return f"{value:{self.form}}"
        return str(value)


def figure(card: Card, name: str, contracts: Registry) -> Figure:
    """Raises BadInputError where nobody says what the column means, or two do."""
    own = card.columns.get(name)
    known = _known(card, name, contracts)
    if own and known:
        raise BadInputError(f"card {card.title!r} describes {name}, which contracts do", hint="take it from the card's columns")
    if known is None:
        if not own:
            raise BadInputError(
                f"card {card.title!r}: nobody says what {name} means",
                hint=f"give the column a name of the vocabulary, or describe it in the card: columns: {{{name}: …}}",
            )
        known = Field(name, _type_by_name(name), "internal", own)
    return _figure(known, card)


def figures(card: Card, contracts: Registry) -> dict[str, Figure]:
    return {name: figure(card, name, contracts) for name in card.names}


def _known(card: Card, name: str, contracts: Registry) -> Field | None:
    """As the tables that the card asks mean it; what they do not hold, as the vocabulary does."""
    for table in card.tables:
        contract = contracts.get(f"curated.{table}")
        if name in contract.names:
            return contract.field(name)
    return contracts.vocabulary.get(name)


def _type_by_name(name: str) -> str:
    ends = {"_count": "integer", "_ratio": "float", "_ms": "float", "_usd": "float", "_amount": "float", "_on": "date", "_at": "timestamp"}
    return next((kind for end, kind in ends.items() if name.removesuffix("_before").endswith(end)), "text")


def _figure(field: Field, card: Card) -> Figure:
    kind, unit, form = _counted(field, card)
    return Figure(field.name, _label(field), unit, kind, form, field.description)


def _counted(field: Field, card: Card) -> tuple[str, str, str]:
    """kind, unit, form"""
    name = field.name.removesuffix("_before")
    if field.type == "date":
        return "date", "Asia/Seoul" if "Asia/Seoul" in field.description else "", ""
    if field.type == "timestamp":
        return "timestamp", "Asia/Seoul", ""  # shown so; asking.py brings it there
    if field.type in ("text", "boolean", "text_list"):
        return "text", "", ""
    if name.endswith("_ratio"):
        return "ratio", "%", ".1%"
    if name.endswith("_usd"):
        return "number", "US$", ",.2f"
    if "price_currency" in field.description or name.endswith("_amount"):
        if not card.currency and "price_currency" not in card.y:
            raise BadInputError(
                f"card {card.title!r}: {field.name} is in no currency",
                hint="show price_currency beside it, or choose one and say `currency`",
            )
        return "number", card.currency or "", ",.0f"
    if name.endswith("_ms"):
        return "number", "ms", ",.0f"
    if "_tokens" in name:
        return "number", "tokens", ",.0f"
    if "theta" in name or name in ("standard_error", "item_difficulty"):
        return "number", "logits", ".2f"
    if name.endswith("_score") or name == "score":
        return "number", f"points, {field.minimum:g} to {field.maximum:g}", ".1f"
    if name.endswith("_rank"):
        return "number", "place", ",.0f"
    if field.type == "integer":
        return "number", "count", ",.0f"
    return "number", "", ".2f"


def _label(field: Field) -> str:
    name = field.name.removesuffix("_before")
    if field.type == "date" and field.description.startswith("Business day"):
        return "Business day"
    words = name.split("_")
    kept = [_WHOLE.get(word, word) for word in words if word not in _DROPPED or (word == "name" and len(words) == 1)]
    windows = [word for word in kept if word[:-1].isdigit() and word.endswith("d")]
    label = " ".join(word for word in kept if word and word not in windows)
    if ("_count_" in name or name.endswith("_count")) and not label.endswith(_DONE):
        label = label if label.endswith("s") else f"{label}s"
    label = " ".join([label, *(f"{window[:-1]}-day" for window in windows)])
    if name.endswith("_ratio") and label.endswith(_DONE):
        label = f"share {label}"
    return label[:1].upper() + label[1:]
