"""The verbs of the platform as Airflow tasks, and the house style of its DAGs. A verb is a command, and contains no work.

    daily_exam_processing:  land ─▶ refine ─▶ check clean ─▶ model ─▶ calibrate ─▶ model ─▶ check curated ──┐
                              │                   │                                                         │ Asset
                         lakehouse://raw   lakehouse://clean                                                ▼ lakehouse://curated
    feature_serving:                                                                         replicate ◀─ serve ─▶ lakehouse://features
    user_deletion_pipeline:  erase ─▶ check deadlines
    daily_key_rotation:  rotate keys ─▶ check keys          daily_retention:  retain

A task runs the same `lakehouse` command that a person or CI would run (lakehouse_command.py), from the project's folder, with
the environment that Airflow was given. What a DAG is chained by is an Asset, and an Asset of a zone is published by the check
that guards it: nobody downstream ever starts from data that no gate has passed. What a DAG promises stands in slos.yaml.
"""

import shlex
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path

from airflow.sdk import DAG, Asset, CronTriggerTimetable, DeadlineAlert, DeadlineReference, SyncCallback
from lakehouse_command import LakehouseCommand

from lakehouse.alerting.callbacks import deadline_missed, run_timed_out, task_failed
from lakehouse.alerting.slos import slo_of

SLOS = Path(__file__).with_name("slos.yaml")

RAW = Asset(name="raw", uri="lakehouse://raw", group="lakehouse")
CLEAN = Asset(name="clean", uri="lakehouse://clean", group="lakehouse")
CURATED = Asset(name="curated", uri="lakehouse://curated", group="lakehouse")
FEATURES = Asset(name="features", uri="lakehouse://features", group="lakehouse")


@dataclass(frozen=True)
class Part:
    """A part of the platform that is built more often than the whole: its models, as dbt selects them, and its datasets."""

    name: str
    models: tuple[str, ...]
    clean: tuple[str, ...]
    curated: tuple[str, ...]
    asset: Asset


KZONE = Part(
    name="kzone",
    models=("+marts.kzone",),
    clean=("kzone.voice.events", "kzone.motion.events"),
    curated=("mart_kzone_voice", "mart_kzone_motion"),
    asset=Asset(name="curated_kzone", uri="lakehouse://curated/kzone", group="lakehouse"),
)


def house_dag(dag_id: str, *, doc: str, tags: list[str], **settings) -> DAG:
    """A DAG in the house style: one owner, two retries with back-off, one run at a time, no catching up, and a promise whose
    breach is told. `settings`: its schedule …"""
    slo = slo_of(dag_id, SLOS)
    due, ends = (int(span.total_seconds() // 60) for span in (slo.due, slo.ends))
    missed = SyncCallback(deadline_missed, {"severity": slo.severity, "promise": slo.promise, "due_minutes": due})
    return DAG(
        dag_id,
        doc_md=f"{doc}\n\n**Promise:** {slo.promise}. Due {due} minutes after its time, ended after {ends}; *{slo.severity}*.",
        tags=["lakehouse", *tags],
        catchup=False,
        max_active_runs=1,
        dagrun_timeout=slo.ends,
        # By the clock that a run was planned on, and not by when it was queued: Airflow 3.3 cannot clear a task of a run that has
        # such a deadline. A run that an Asset or a person started has none; it is told when it is stuck.
        deadline=DeadlineAlert(DeadlineReference.DAGRUN_LOGICAL_DATE, slo.due, missed, name=f"{dag_id} is due"),
        on_failure_callback=partial(run_timed_out, severity=slo.severity, ends_minutes=ends),
        default_args={
            "owner": "data-platform",
            "retries": 2,
            "retry_delay": timedelta(seconds=30),
            "retry_exponential_backoff": True,
            "max_retry_delay": timedelta(minutes=10),
            "execution_timeout": slo.ends,
            "on_failure_callback": partial(task_failed, severity=slo.severity),
        },
        **settings,
    )


def in_seoul(cron: str) -> CronTriggerTimetable:
    """By Seoul's clock. A DAG that is new after its hour waits for the next one: zero is how late it may still begin."""
    return CronTriggerTimetable(cron, timezone="Asia/Seoul", run_immediately=timedelta(0))


def _verb(task_id: str, *command: str, does: str, outlets: list[Asset] | None = None) -> LakehouseCommand:
    return LakehouseCommand(
        task_id=task_id,
        command=command,
        outlets=outlets or [],
        doc_md=f"{does}\n\n`lakehouse {shlex.join(command)}` · more: `lakehouse {command[0]} --help`",
    )


def land() -> LakehouseCommand:
    return _verb("land", "land", does="Takes what waits on the bus, seals it, and writes raw files.", outlets=[RAW])


def refine() -> LakehouseCommand:
    """Its outcome is no Asset yet: `check("clean")` publishes the clean zone."""
    return _verb("refine", "refine", does="Types, deduplicates and pseudonymises raw batches into the clean tables.")


def check(stage: str, of: Part | None = None) -> LakehouseCommand:
    """The gate of a zone, 'clean' or 'curated', or of a part of it. Exit code 20 stops what follows, and is not tried again."""
    datasets = () if of is None else getattr(of, stage)
    publishes = {"clean": CLEAN, "curated": CURATED}[stage] if of is None else of.asset if stage == "curated" else None
    return _verb(
        f"check_{stage}",
        "check",
        stage,
        *(word for name in datasets for word in ("--dataset", name)),
        does=f"Holds the {stage} zone to its contracts; results land in monitoring.data_quality_checks.",
        outlets=[publishes] if publishes else [],
    )


def model(of: Part | None = None) -> LakehouseCommand:
    """Its outcome is no Asset yet: `check("curated")` publishes the curated zone."""
    selected = () if of is None else of.models
    return _verb(
        "model",
        "model",
        *(w for name in selected for w in ("--select", name)),
        does="Builds facts, dimensions, marts and features with dbt.",
    )


def calibrate() -> LakehouseCommand:
    return _verb("calibrate", "calibrate", does="Estimates items and abilities from the day's answers (3PL).")


def model_calibrated() -> LakehouseCommand:
    """What stands on the estimates, and nothing else: the rest of the warehouse has just been built."""
    tables = ("item_calibrations", "ability_estimates")
    chosen = [word for table in tables for word in ("--select", f"source:clean.{table}+")]
    return _verb("model_calibrated", "model", *chosen, does="Brings the new estimates into dimensions and features with dbt.")


def serve() -> LakehouseCommand:
    return _verb("serve", "serve", does="Exports the features and brings them online.", outlets=[FEATURES])


def replicate() -> LakehouseCommand:
    """Ends well where this is the only region."""
    return _verb("replicate", "replicate", does="Copies the features to other regions, by pseudonym.")


def compact() -> LakehouseCommand:
    return _verb("compact", "compact", does="Merges the small files of the clean tables, and forgets event ids that raw no longer holds.")


def optimize() -> LakehouseCommand:
    return _verb(
        "optimize", "optimize", does="Lays clean tables and the warehouse out anew; figures land in monitoring.storage_optimizations."
    )


def check_media() -> LakehouseCommand:
    """Exit code 20 is a finding: it is not tried again."""
    return _verb("check_media", "media", "check", does="Finds references without an object, and objects that no event refers to.")


def make_source_partitions() -> LakehouseCommand:
    return _verb("make_source_partitions", "source", "partitions", does="Makes the source database's monthly partitions ahead.")


def erase() -> LakehouseCommand:
    """Exit code 23 is tried again: what was still there may have been waiting for its readers."""
    return _verb("erase", "privacy", "run", does="Closes, purges and proves the erasure of everybody who asked for it.")


def check_deadlines() -> LakehouseCommand:
    return _verb("check_deadlines", "privacy", "overdue", does="Alerts of requests that are due soon, or were.")


def rotate_keys() -> LakehouseCommand:
    return _verb("rotate_keys", "vault", "rotate", "--when-due", does="Puts new keys in the place of those that are 90 days old.")


def check_keys() -> LakehouseCommand:
    return _verb("check_keys", "vault", "status", does="Fails where the vault's keys are overdue, or a rotation was not ended.")


def retain() -> LakehouseCommand:
    """Exit code 23 is tried again: something may have come while it ran."""
    return _verb("retain", "retain", does="Removes what is beyond its term, looks for it again, and signs a report.")
