"""The dashboards as one HTML page that needs no network: answers in, text out.

    answers ─▶ render(…) ─▶ report.html.j2 + style.css + draw.js + Vega's own JavaScript (out of vl-convert's wheel)

Every text of the data is escaped where it stands: by the template in HTML, and by json_for_html() in the charts' JSON.
"""

import json
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from dashboards.asking import Answer, Value
from dashboards.definitions import Dashboard
from dashboards.figures import Figure, figures
from dashboards.vega import spec
from lakehouse.contracts.registry import Registry
from lakehouse.errors import require

_FOLDER = Path(__file__).resolve().parent
_SEOUL = ZoneInfo("Asia/Seoul")


@dataclass(frozen=True)
class State:
    """What a page is made of. `newest`: the newest business day a table, of those that have rows."""

    answers: dict[str, tuple[Answer, ...]]
    newest: dict[str, date]
    zone: str | None
    made_at: datetime


@dataclass
class _Page:
    contracts: Registry
    state: State
    charts: dict[str, dict] = field(default_factory=dict)

    def board(self, dashboard: Dashboard) -> dict:
        cards = [self.card(answer) for answer in self.state.answers[dashboard.key]]
        charts = [card for card in cards if card["kind"] == "chart"]
        if len(charts) % 2:
            charts[-1]["kind"] = "chart wide"  # two stand in a row
        return {
            "key": dashboard.key,
            "title": dashboard.title,
            "question": dashboard.question,
            "cards": cards,
            "tables": [self.table(name) for name in dashboard.tables],
        }

    def table(self, name: str) -> dict:
        contract = self.contracts.get(f"curated.{name}")
        newest = self.state.newest.get(name)
        told = "it has none" if not contract.event_time else newest.isoformat() if newest else "no row yet"
        return {"name": name, "grain": contract.description, "newest": told, "owner": contract.owner}

    def card(self, answer: Answer) -> dict:
        card = answer.card
        meant = figures(card, self.contracts)
        told = {"title": card.title, "says": card.says, "reason": self.reason(answer)}
        told["scope"] = "All zones: its mart knows none." if self.state.zone and not card.has_zone_filter else ""
        if card.chart == "number":
            return told | {"kind": "number"} | ({} if told["reason"] else _tile(answer, meant))
        if card.chart == "table":
            heads = [
                {"axis": meant[n].axis, "description": meant[n].description, "is_number": meant[n].kind in ("number", "ratio")}
                for n in card.y
            ]
            return told | {"kind": "table", "heads": heads, "rows": [[meant[n].written(row[n]) for n in card.y] for row in answer.rows]}
        chart_id = f"chart-{len(self.charts) + 1}"
        if not told["reason"]:
            self.charts[chart_id] = spec(answer, meant)
        return told | {"kind": "chart", "chart_id": chart_id}

    def reason(self, answer: Answer) -> str:
        """Why there is nothing to show; empty where there is something."""
        if not answer.is_empty:
            return ""
        timed = [name for name in answer.card.tables if self.contracts.get(f"curated.{name}").event_time]
        without = [name for name in timed if name not in self.state.newest]
        if without:
            return (
                f"Nothing to show: {' and '.join(without)} holds no row yet. Nothing of the kind has happened, or it has not been modelled."
            )
        where = f" of zone {self.state.zone}" if self.state.zone else ""
        return f"Nothing to show: no row{where} in {' and '.join(timed or answer.card.tables)} is what this card asks for."


def render(dashboards: tuple[Dashboard, ...], state: State, contracts: Registry) -> str:
    """The page's text. Raises NotInstalledError."""
    jinja2 = require("jinja2", "dashboards")
    vl_convert = require("vl_convert", "dashboards")
    page = _Page(contracts, state)
    boards = [page.board(dashboard) for dashboard in dashboards]
    names = {zone.zone_id: f"{zone.zone_name} ({zone.zone_id})" for zone in contracts.zones}
    told = {
        "title": "MegaCity dashboards",
        "as_of": max(state.newest.values()).isoformat() if state.newest else None,
        "scope": names[state.zone] if state.zone else "all zones",
        "made_at": f"{state.made_at.astimezone(_SEOUL):%Y-%m-%d %H:%M} in Seoul",
        "boards": boards,
    }
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_file("report.html.j2")).render(
        page=told,
        charts=json_for_html(page.charts),
        style=_file("style.css"),
        script=_file("draw.js"),
        vega=vl_convert.javascript_bundle().replace("</script", r"<\/script"),
    )


def json_for_html(content: object) -> str:
    """JSON that no text in it can end: as safe in a script element as in an attribute."""
    text = json.dumps(content, ensure_ascii=False, allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _tile(answer: Answer, meant: dict[str, Figure]) -> dict:
    card, row = answer.card, answer.rows[0]
    figure = meant[card.y[0]]
    before = row[card.before] if card.before else None
    unit = "" if figure.kind == "ratio" or figure.unit == "count" else figure.unit
    return {"value": figure.written(row[figure.name]), "unit": unit, "change": _change(figure, row[figure.name], before)}


def _change(figure: Figure, now: Value, before: Value) -> str:
    """Against the stretch before: shares in points, everything else in percent."""
    if now is None or before is None:
        return ""
    if figure.kind == "ratio":
        return f"{(now - before) * 100:+.1f} percentage points ({figure.written(before)} before)"
    return f"{now / before - 1:+.1%} ({figure.written(before)} before)" if before else f"({figure.written(before)} before)"


def _file(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")
