"""The report: a page that needs nothing but itself, drawn whole in a real browser, and safe from what the data says."""

import json
import re
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest
from chromium import look
from dashboard_marts import HOSTILE, build
from typer.testing import CliRunner

from dashboards.asking import Answer, shaped
from dashboards.definitions import dashboards
from dashboards.figures import figures
from dashboards.page import json_for_html
from dashboards.vega import whole
from lakehouse.cli import app
from lakehouse.contracts.registry import registry
from lakehouse.errors import BadInputError, CommandFailedError, DeniedError
from lakehouse.places import Home
from lakehouse.settings import Settings, settings
from lakehouse.storage.open import open_audit

pytestmark = pytest.mark.slow(25)

_CHARTS = {f"{board.key}: {card.title}" for board in dashboards() for card in board.cards if card.chart not in ("number", "table")}


def _lakehouse(home: Path, *words: str):
    """The command's outcome; what it raises is raised."""
    settings.cache_clear()
    try:
        return CliRunner().invoke(app(words[0]), list(words), env={"LAKEHOUSE_HOME": str(home)}, catch_exceptions=False)
    finally:
        settings.cache_clear()


@pytest.fixture(scope="module")
def page(full_home: Path) -> Path:
    done = _lakehouse(full_home, "report")
    assert done.exit_code == 0 and done.stdout.strip() == str(Home(full_home).report)
    cards = sum(len(board.cards) for board in dashboards())
    assert len(re.findall(r"\d+ ms +[\d,]+ rows", done.stderr)) == cards
    return Home(full_home).report


def test_a_report_is_for_who_may_read_marts_and_is_recorded(page: Path, full_home: Path) -> None:
    with pytest.raises(DeniedError):
        _lakehouse(full_home, "report", "--as", "student", "--output", str(full_home / "never.html"), "--zone", "kzone")
    with pytest.raises(DeniedError):
        _lakehouse(full_home, "report", "--as", "teacher")
    assert not (full_home / "never.html").exists()
    records = list(open_audit(Settings(home=full_home)).records(action="report.made"))
    assert [r.outcome for r in records] == ["allowed", "denied", "denied"] and records[0].purpose == "analytics"
    assert "curated.mart_revenue" in json.loads(records[0].details)["datasets"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_chart_is_drawn_and_nothing_is_fetched(scheme: str, page: Path, npm_tools: Path) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    texts = "[...document.querySelectorAll('svg text')].map(t => t.textContent).join('|')"
    seen = look(npm_tools, page, scheme=scheme, ask=("document.title", ground, texts, "document.querySelectorAll('img').length"))
    title, colour, drawn, images = seen.answers
    assert seen.errors == [] and seen.requests == []
    assert set(seen.marks) == _CHARTS and all(count >= 2 for count in seen.marks.values()), seen.marks
    assert title == "MegaCity dashboards" and images == 0, "a text of the data became part of the page"
    assert colour == {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 21, 28)"}[scheme]
    for axis in ("Business day (Asia/Seoul)", "Responses (count)", "Mean score (points, 0 to 100)", "Revenue (KRW)", "Mean latency (ms)"):
        assert axis in drawn


def test_the_page_says_what_it_shows(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    assert HOSTILE not in text and text.count("</script>") == 3
    charts = json.loads(re.search(r'<script type="application/json" id="charts">(.*?)</script>', text, re.S).group(1))
    assert len(charts) == len(_CHARTS) and HOSTILE in json.dumps(charts, ensure_ascii=False).replace('\\"', '"')
    for board in dashboards():
        assert board.title in text and all(card.title in text for card in board.cards)
        for table in board.tables:
            assert f"<code>curated.{table}</code>" in text
    assert "As of business day <strong>2025-11-23</strong>" in text and "all zones" in text
    assert re.search(r'<p class="change">[-+][\d.]+% \([\d,.]+ before\)</p>', text)


def test_a_page_of_one_zone_says_so_and_holds_no_other(full_home: Path, tmp_path: Path) -> None:
    made = tmp_path / "kzone.html"
    assert _lakehouse(full_home, "report", "--zone", "kzone", "--output", str(made)).exit_code == 0
    text = made.read_text(encoding="utf-8")
    assert "(kzone)" in text and "All zones: its mart knows none." in text
    assert "univprep" not in text.partition('id="charts"')[2].partition("</script>")[0]
    with pytest.raises(BadInputError) as refused:
        _lakehouse(full_home, "report", "--zone", "nowhere")
    assert "kzone" in refused.value.hint


def test_empty_marts_make_a_page_that_says_why(tmp_path: Path, npm_tools: Path) -> None:
    build(Home(tmp_path).warehouse, registry(), is_empty=True)
    done = _lakehouse(tmp_path, "report")
    assert done.stderr.count("nothing to show") == sum(len(board.cards) for board in dashboards())
    reasons = "[...document.querySelectorAll('.reason')].map(p => p.textContent)"
    seen = look(npm_tools, Home(tmp_path).report, ask=(reasons,))
    assert seen.errors == [] and seen.marks == {}
    assert len(seen.answers[0]) == sum(len(board.cards) for board in dashboards())
    assert all("holds no row yet" in reason for reason in seen.answers[0])


def test_check_tells_every_card_and_fails_by_name(full_home: Path, tmp_path: Path) -> None:
    done = _lakehouse(full_home, "dashboards", "check", "--json")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["dashboard"], row["card"]) for row in rows] == [(board.key, card.title) for board in dashboards() for card in board.cards]
    assert all(row["rows"] > 0 and row["ms"] > 0 and row["is_empty"] is False for row in rows)
    with pytest.raises(BadInputError, match="no warehouse"):
        _lakehouse(tmp_path, "dashboards", "check")
    build(Home(tmp_path).warehouse, registry(), is_empty=True)
    with duckdb.connect(str(Home(tmp_path).warehouse)) as connection:
        connection.execute("alter table curated.mart_revenue drop column arpu_30d")
    with pytest.raises(CommandFailedError) as failed:
        _lakehouse(tmp_path, "dashboards", "check")
    assert "Revenue and ARPU, card 'ARPU of thirty days, by zone'" in str(failed.value) and failed.value.exit_code == 21


def test_no_text_leaves_its_json() -> None:
    text = json_for_html({"a": f"{HOSTILE}\u2028"})
    assert not set("<>&\u2028") & set(text) and json.loads(text) == {"a": f"{HOSTILE}\u2028"}


def test_where_nothing_happened_a_count_is_none() -> None:
    board = next(each for each in dashboards() if each.key == "kzone_voice")
    card = next(each for each in board.cards if each.title == "Takes an hour, last 3 days")
    first = datetime(2025, 11, 3, 9)
    rows = [(first, "kzone", 2), (first + timedelta(hours=3), "kzone", 1), (first + timedelta(hours=1), "univprep", 4)]
    answer = Answer(card, shaped(board, card, ["hour_at", "zone_id", "take_count"], rows), 1.0)
    told = [(row["hour_at"].hour, row["zone_id"], row["take_count"]) for row in whole(answer, figures(card, registry()))]
    expected = {9: (2, 0), 10: (0, 4), 11: (0, 0), 12: (1, 0)}
    assert told == [(hour, zone, count) for hour, counts in expected.items() for zone, count in zip(("kzone", "univprep"), counts)]


def test_a_figure_that_is_no_number_is_none() -> None:
    board = dashboards()[0]
    card = board.cards[1]
    rows = shaped(board, card, list(card.names), [(float("nan"), Decimal("0.25")), (float("inf"), None)])
    assert [tuple(row.values()) for row in rows] == [(None, 0.25), (None, None)]
