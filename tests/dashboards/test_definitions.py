"""The definitions: the six that the product names, plain SQL, every column with a meaning and a unit, and errors that help."""

from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from dashboards import exposures, plain_sql
from dashboards.definitions import FOLDER, Card, dashboards, read
from dashboards.figures import figures
from lakehouse.cli import app
from lakehouse.contracts.registry import registry
from lakehouse.errors import BadInputError, ContractError

_CARDS = [pytest.param(board, card, id=f"{board.key}: {card.title}") for board in dashboards() for card in board.cards]


def test_the_six_dashboards_are_there() -> None:
    assert [board.title for board in dashboards()] == [
        "Learning progress",
        "Exam performance trends",
        "K-Zone voice",
        "K-Zone motion",
        "AI usage and cost",
        "Revenue and ARPU",
    ]
    owners = {contract.owner for contract in registry().layer("curated")}
    assert {board.owner for board in dashboards()} <= owners


@pytest.mark.parametrize(("board", "card"), _CARDS)
def test_every_column_has_a_meaning_and_every_figure_a_unit(board, card: Card) -> None:
    for figure in figures(card, registry()).values():
        assert figure.description and figure.label
        if figure.kind == "number":
            assert figure.unit or "price_currency" in card.y, f"{figure.name} has no unit"


@pytest.mark.parametrize(("board", "card"), _CARDS)
def test_every_table_is_a_contracts_and_has_the_filter_column(board, card: Card) -> None:
    contracts = [registry().get(f"curated.{table}") for table in card.tables]
    assert card.has_zone_filter == any("zone_id" in contract.names for contract in contracts)


@pytest.mark.parametrize(
    ("column", "axis", "written"),
    [
        ("response_count", "Responses (count)", "1,234"),
        ("correct_ratio", "Share correct (%)", "123,450.0%"),
        ("mean_latency_ms", "Mean latency (ms)", "1,234"),
        ("cost_total_usd", "Cost (US$)", "1,234.50"),
        ("mean_score", "Mean score (points, 0 to 100)", "1234.5"),
        ("mean_theta", "Mean theta (logits)", "1234.50"),
        ("input_tokens_total", "Input tokens", "1,234"),
        ("dau", "Daily active users (count)", "1,234"),
        ("revenue_amount", "Revenue (KRW)", "1,234"),
    ],
)
def test_units_follow_from_names_and_vocabulary(column: str, axis: str, written: str) -> None:
    card = Card(
        title="One", says="Says what it is.", chart="number", y=(column,), currency="KRW", sql="select 1 as x from curated.dim_zone"
    )
    figure = figures(card, registry())[column]
    assert figure.axis == axis
    assert figure.written(1234.5).replace("123,450.0%", "123450.0%") == written.replace("123,450.0%", "123450.0%")
    assert figure.written(None) == "–"


_GOOD = "select occurred_on, sum(dau) as dau from curated.mart_revenue group by occurred_on order by occurred_on"


@pytest.mark.parametrize(
    ("sql", "complaint"),
    [
        ("delete from curated.mart_revenue", "begin with select"),
        ("select 1 from curated.a; select 2 from curated.b", "one statement"),
        ("select a from clean.exam_events order by a", "curated tables alone"),
        ("select a from mart_revenue order by a", "curated tables alone"),
        ("select date_trunc('day', a) as a from curated.b order by a", "date_trunc()"),
        ("select a from curated.b", "no order by"),
        ("select a from curated.b order by a desc", "nulls last"),
        ("select a::date from curated.b order by a", "cast("),
        ("select a from curated.b where zone_id = {{zone}} order by a", "cannot be left out"),
        ("select a from curated.b where true [[and day = {{day}}]] order by a", "there is zone alone"),
        ('select "a" from curated.b order by a', "lower case"),
        ("select 1 as a order by a", "no curated table"),
    ],
)
def test_sql_that_engines_would_answer_otherwise_is_refused(sql: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint.replace("(", r"\(").replace(")", r"\)")):
        plain_sql.require_plain(sql, ordered=True)
    plain_sql.require_plain(_GOOD, ordered=True)


def test_a_text_that_looks_like_sql_is_a_text() -> None:
    sql = "select a from curated.b where c = 'x; from clean.y desc' order by a"
    plain_sql.require_plain(sql, ordered=True)
    assert plain_sql.tables(sql) == ("b",)


def test_the_zone_filter_is_set_or_gone() -> None:
    sql = "select a from curated.b where true [[and zone_id = {{zone}}]] order by a"
    assert plain_sql.filled(sql) == "select a from curated.b where true order by a"
    assert plain_sql.filled(sql, "kzone") == "select a from curated.b where true and zone_id = 'kzone' order by a"
    with pytest.raises(ValueError, match="no zone_id"):
        plain_sql.filled(sql, "x' or true --")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"colour": "red"}, "card 'Revenue a day, by zone', colour: Extra inputs are not permitted"),
        ({"chart": "pie"}, "card 'Revenue a day, by zone', chart"),
        ({"x": None}, "card 'Revenue a day, by zone': a area needs an x"),
        ({"sql": "select 1"}, "card 'Revenue a day, by zone': the SQL has no order by"),
        ({"title": "Revenue of the last 7 days"}, "two cards are called 'Revenue of the last 7 days'"),
    ],
)
def test_a_mistake_is_told_by_file_card_and_cure(change: dict, told: str, tmp_path: Path) -> None:
    content = yaml.safe_load((FOLDER / "revenue.yaml").read_text(encoding="utf-8"))
    next(card for card in content["cards"] if card["title"] == "Revenue a day, by zone").update(change)
    (tmp_path / "revenue.yaml").write_text(yaml.safe_dump(content), encoding="utf-8")
    with pytest.raises(BadInputError) as refused:
        read(tmp_path)
    assert str(refused.value).startswith("revenue.yaml: ") and told in str(refused.value) and refused.value.hint


@pytest.mark.parametrize(("text", "told"), [("- a\n- b", "holds no dashboard"), ("title: [", "is no YAML"), ("title: x", "x.yaml: ")])
def test_a_file_that_is_no_dashboard_is_told(text: str, told: str, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no dashboard in"):
        read(tmp_path)
    (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(BadInputError, match=told):
        read(tmp_path)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"y": ("nonsense_count",)}, "nobody says what nonsense_count means"),
        ({"columns": {"dau": "Described twice."}}, "describes dau, which contracts do"),
        ({"y": ("revenue_amount",)}, "revenue_amount is in no currency"),
    ],
)
def test_a_column_without_one_meaning_is_told(change: dict, told: str) -> None:
    content = {
        "title": "One",
        "says": "Says what it is.",
        "chart": "number",
        "y": ("dau",),
        "sql": "select 1 as a from curated.mart_daily_activity",
    }
    with pytest.raises(BadInputError, match=told):
        figures(Card(**content | change), registry())


def test_dbts_exposures_are_fresh_and_name_models(root: Path) -> None:
    assert not exposures.is_stale(root, dashboards()), "run `make generate` and commit what it changes"
    told = yaml.safe_load((root / exposures.FILE).read_text(encoding="utf-8"))["exposures"]
    models = {path.stem for path in (root / "dbt_project" / "models").rglob("*.sql")}
    refs = {each["label"]: {ref.removeprefix("ref('").removesuffix("')") for ref in each["depends_on"]} for each in told}
    assert len(refs) == 6 and all(named and named <= models for named in refs.values())
    assert {"mart_revenue", "mart_funnel", "mart_campaign", "mart_daily_activity"} == refs["Revenue and ARPU"]


def test_generate_writes_what_check_misses(tmp_path: Path) -> None:
    (tmp_path / exposures.FILE).parent.mkdir(parents=True)

    def generate(*words: str):
        return CliRunner().invoke(app("dashboards"), ["dashboards", "generate", "--root", str(tmp_path), *words], catch_exceptions=False)

    with pytest.raises(ContractError, match="stale"):
        generate("--check")
    assert generate().stdout.startswith("wrote ") and "fresh" in generate("--check").stdout
