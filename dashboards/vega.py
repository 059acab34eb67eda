"""A card's answer as a Vega-Lite chart: axes with units, a legend that can be clicked, a tooltip that says everything.

    Answer + Figures ─▶ spec(…) ─▶ a dict that Vega draws; colours of light and dark are the page's to choose

Days and moments go without an offset, so that a browser anywhere shows Seoul's.
"""

from datetime import date, datetime, timedelta

from dashboards.asking import Answer, Value
from dashboards.figures import Figure
from lakehouse.errors import require

_HEIGHT = 260
_STEPS = {"date": timedelta(days=1), "timestamp": timedelta(hours=1)}


def spec(answer: Answer, meant: dict[str, Figure]) -> dict:
    """`meant`: the figures of the card's columns, by name. Raises NotInstalledError."""
    alt = require("altair", "dashboards")
    card = answer.card
    x = meant[card.x]
    is_whole = card.chart == "area" or meant[card.y[0]].unit == "count"
    rows = whole(answer, meant) if is_whole and x.kind in _STEPS else answer.rows
    values = [{name: _sent(value) for name, value in row.items()} for row in rows]
    chart = alt.Chart(alt.InlineData(values=values))
    is_time = x.kind in ("date", "timestamp")
    form = {"date": "%d %b", "timestamp": "%d %b %H:%M"}.get(x.kind, alt.Undefined)
    tick = 7 if is_time else alt.Undefined
    axis = alt.Axis(title=x.axis, grid=False, labelAngle=0 if is_time else -30, format=form, tickCount=tick)
    across = alt.X(card.x, type="temporal" if is_time else "nominal", axis=axis, sort=None if not is_time else alt.Undefined)
    if len(card.y) > 1:
        chart = _folded(alt, chart, card.y, meant)
        series, labels = "measure", "Measure"
        up, figure = "value", meant[card.y[0]]
        title = figure.unit or "value"
    else:
        series, labels = card.series, meant[card.series].label if card.series else ""
        up, figure = card.y[0], meant[card.y[0]]
        title = figure.axis
    encodings = {"x": across, "y": _upwards(alt, up, title, figure, is_stacked=card.chart == "area")}
    encodings["tooltip"] = _tooltip(alt, card.x, series, up, labels, x, figure, is_time)
    if series is None:
        return _finished(_marked(alt, chart, card.chart).encode(**encodings))
    picked = alt.selection_point(fields=[series], bind="legend")
    legend = alt.Legend(orient="bottom", columns=5, symbolLimit=20)
    order = [meant[name].label for name in card.y] if len(card.y) > 1 else alt.Undefined
    encodings["color"] = alt.Color(series, type="nominal", title=labels, legend=legend, sort=order)
    encodings["opacity"] = alt.condition(picked, alt.value(0.9), alt.value(0.08))
    if card.chart == "bar":
        encodings["xOffset"] = alt.XOffset(series, type="nominal", sort=order)
    return _finished(_marked(alt, chart, card.chart).encode(**encodings).add_params(picked))


def whole(answer: Answer, meant: dict[str, Figure]) -> list[dict[str, Value]]:
    """The rows with every day or hour between the first and the last, in every series.

    Where counts are grouped, no row is none; a line through the gap would tell of some.
    """
    card, step = answer.card, _STEPS[meant[answer.card.x].kind]
    there = {(row[card.x], row.get(card.series)): row for row in answer.rows if row[card.x] is not None}
    first, last = min(at for at, _ in there), max(at for at, _ in there)
    moments = [first + step * number for number in range((last - first) // step + 1)]
    none = dict.fromkeys(card.y, 0)
    series = dict.fromkeys(name for _, name in there)
    return [
        there.get((at, name), {card.x: at, **({card.series: name} if card.series else {}), **none}) for at in moments for name in series
    ]


def _folded(alt, chart, names: tuple[str, ...], meant: dict[str, Figure]):
    """Several figures as a series of their labels."""
    chart = chart.transform_fold(list(names), as_=["column", "value"])
    labels = {name: meant[name].label for name in names}
    chosen = "".join(f"datum.column === {name!r} ? {label!r} : " for name, label in labels.items())
    return chart.transform_calculate(measure=f"{chosen}datum.column")


def _marked(alt, chart, kind: str):
    if kind == "line":
        return chart.mark_line(point=alt.OverlayMarkDef(size=18), strokeWidth=1.8)
    if kind == "area":
        return chart.mark_area(line={"strokeWidth": 1})
    return chart.mark_bar(cornerRadiusEnd=2)


def _upwards(alt, name: str, title: str, figure: Figure, *, is_stacked: bool):
    form = ".0%" if figure.kind == "ratio" else alt.Undefined
    # a share or a score says little by its height from zero, a count everything
    scale = alt.Scale(zero=figure.kind != "ratio" and not figure.unit.startswith(("points", "logits")))
    if is_stacked:
        return alt.Y(name, type="quantitative", title=title, stack="zero", axis=alt.Axis(format=form))
    return alt.Y(name, type="quantitative", title=title, scale=scale, axis=alt.Axis(format=form))


def _tooltip(alt, x: str, series: str | None, y: str, labels: str, across: Figure, figure: Figure, is_time: bool) -> list:
    form = {"date": "%a %d %b %Y", "timestamp": "%a %d %b %Y, %H:%M"}.get(across.kind, alt.Undefined)
    told = [alt.Tooltip(x, type="temporal" if is_time else "nominal", title=across.label, format=form)]
    if series:
        told.append(alt.Tooltip(series, type="nominal", title=labels))
    title = figure.axis if y == figure.name else figure.unit
    return [*told, alt.Tooltip(y, type="quantitative", title=title, format=figure.form)]


def _finished(chart) -> dict:
    made = chart.properties(width="container", height=_HEIGHT).to_dict()
    return {name: value for name, value in made.items() if name != "config"}


def _sent(value: Value) -> Value:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, date):
        return f"{value.isoformat()}T00:00:00"  # a date alone would be midnight in Greenwich
    return value
