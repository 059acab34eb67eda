"""MetricFlow's answer to every metric of the semantic layer, beside the mart that shows the same number.

semantic_manifest.json (dbt's) ─▶ MetricFlow ─▶ SQL ─▶ warehouse ─▶ {key: number} ┬ equal?
SHOWN: metric ─▶ mart, its column or expression ─────▶ warehouse ─▶ {key: number} ┘
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
from metricflow.engine.metricflow_engine import MetricFlowEngine, MetricFlowQueryRequest
from metricflow.protocols.sql_client import SqlEngine
from metricflow.sql.render.duckdb_renderer import DuckDbSqlPlanRenderer
from metricflow_semantics.model.dbt_manifest_parser import parse_manifest_from_dbt_generated_manifest
from metricflow_semantics.model.semantic_manifest_lookup import SemanticManifestLookup

from lakehouse.places import Home


@dataclass(frozen=True)
class Shown:
    """Where a mart shows a metric; null where MetricFlow has no row. `by`: what MetricFlow groups by, each with the mart's column; the day comes before."""

    mart: str
    number: str
    by: dict[str, str]
    day: str = "occurred_on"


_EXAM, _SKILL = {"exam": "exam_id"}, {"response__zone_id": "zone_id", "response__skill": "skill"}
_VOICE = {"voice_take__zone_id": "zone_id", "content": "content_id"}
_MOTION = {"motion_take__zone_id": "zone_id", "content": "content_id"}
_MODEL = {"ai_call__zone_id": "zone_id", "ai_call__model_name": "model_name"}
_VIEW = {"content_view__zone_id": "zone_id", "content": "content_id"}
_CURRENCY = {"payment__zone_id": "zone_id", "payment__price_currency": "price_currency"}
SHOWN = {
    "attempts": Shown("mart_exam_performance", "attempt_count", _EXAM),
    "finished_attempts": Shown("mart_exam_performance", "finished_count", _EXAM),
    "finished_ratio": Shown("mart_exam_performance", "finished_count / attempt_count", _EXAM),
    "responses": Shown("mart_learning_progress", "sum(response_count)", _SKILL),
    "correct_responses": Shown("mart_learning_progress", "sum(correct_count)", _SKILL),
    "correct_ratio": Shown("mart_learning_progress", "sum(correct_count) / sum(response_count)", _SKILL),
    "learners": Shown("mart_learning_progress", "sum(learner_count)", _SKILL),
    "voice_takes": Shown("mart_kzone_voice", "take_count", _VOICE),
    "scored_voice_takes": Shown("mart_kzone_voice", "scored_take_count", _VOICE),
    "voice_learners": Shown("mart_kzone_voice", "learner_count", _VOICE),
    "motion_takes": Shown("mart_kzone_motion", "take_count", _MOTION),
    "scored_motion_takes": Shown("mart_kzone_motion", "scored_take_count", _MOTION),
    "motion_learners": Shown("mart_kzone_motion", "learner_count", _MOTION),
    "ai_requests": Shown("mart_ai_cost", "request_count", _MODEL),
    "failed_ai_requests": Shown("mart_ai_cost", "failed_count", _MODEL),
    "ai_failed_ratio": Shown("mart_ai_cost", "failed_count / request_count", _MODEL),
    "ai_cost_usd": Shown("mart_ai_cost", "cost_total_usd", _MODEL),
    "payments": Shown("mart_revenue", "payment_count", _CURRENCY),
    "revenue_amount": Shown("mart_revenue", "revenue_amount", _CURRENCY),
    "payers": Shown("mart_revenue", "payer_count", _CURRENCY),
    "content_views": Shown("mart_content_trends", "nullif(view_count, 0)", _VIEW),
    "active_users": Shown("mart_daily_activity", "dau", {"user_day__zone_id": "zone_id"}, day="activity_on"),
}


class _Client:
    """As much of a SQL client as the making of SQL asks for; the SQL is run here."""

    sql_engine_type = SqlEngine.DUCKDB
    sql_plan_renderer = DuckDbSqlPlanRenderer()


def different(home: Path) -> dict[str, tuple[int, list]]:
    """Metric → how many keys it was compared by, and the keys whose numbers differ. Every metric that dbt knows is in it, or KeyError."""
    manifest = parse_manifest_from_dbt_generated_manifest(
        (home / "warehouse" / "dbt" / "target" / "semantic_manifest.json").read_text(encoding="utf-8")
    )
    engine = MetricFlowEngine(SemanticManifestLookup(manifest), _Client())
    with duckdb.connect(str(Home(home).warehouse), read_only=True) as warehouse:
        warehouse.execute("set TimeZone = 'UTC'")
        return {metric.name: _compared(warehouse, engine, metric.name, SHOWN[metric.name]) for metric in manifest.metrics}


def _compared(warehouse: duckdb.DuckDBPyConnection, engine: MetricFlowEngine, metric: str, shown: Shown) -> tuple[int, list]:
    request = MetricFlowQueryRequest.create(metric_names=[metric], group_by_names=["metric_time", *shown.by])
    plan = engine.explain(request).sql_statement.sql
    keys = ", ".join(shown.by)
    told = f"select cast(metric_time__day as date), {keys}, {metric} from ({plan}) where {metric} is not null"
    columns = ", ".join(shown.by.values())
    beside = f"select {shown.day}, {columns}, {shown.number} from curated.{shown.mart} where zone_id <> 'all' group by all"
    beside = beside if "zone_id" in columns else beside.replace(" where zone_id <> 'all'", "")
    metrics, marts = (
        {row[:-1]: float(row[-1]) for row in warehouse.execute(sql).fetchall() if row[-1] is not None} for sql in (told, beside)
    )
    return len(marts), [key for key in metrics.keys() | marts.keys() if metrics.get(key) != marts.get(key)]
