"""Where everything is: the only place where paths and table names are composed.

    <home>/bus                                    segment log of the local profile
    <home>/vault                                  keys and pseudonyms of the local profile
    <home>/lake/<domain>/raw/<table>/dt=…/        sealed Parquet; _commits/<batch>.json names a batch's files
    <home>/lake/<domain>/raw/<table>/_refined/    a marker a batch that refine has finished with, and its counts
    <home>/lake/platform/in_hand/                 what a step was doing when it was killed; its successor finishes it
    <home>/lake/<domain>/clean/<table>/dt=…/      Delta
    <home>/lake/<domain>/dead_letters/<table>/    sealed Parquet, one file a raw batch
    <home>/lake/<domain>/dead_letters/_redrives/<table>/    what became of those that were driven again
    <home>/lake/platform/audit/                   a line a look at somebody's data
    <home>/lake/rebuilt/<name>/…/clean/<table>/   clean tables that a replay builds beside the others
    <home>/lake/features/<table>/                 Parquet for Feast
    <home>/warehouse/lakehouse.duckdb             curated, features and monitoring schemas

Lake paths are relative: `Files` and `TableStore` put the root (a folder or a bucket) in front.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

CLEAN_SCHEMA = "clean"
CURATED_SCHEMA = "curated"
FEATURES_SCHEMA = "features"
MONITORING_SCHEMA = "monitoring"


def raw_dir(domain: str, table: str) -> str:
    return f"{domain}/raw/{table}"


def raw_file(domain: str, table: str, day: date, batch_id: str) -> str:
    return f"{raw_dir(domain, table)}/dt={day.isoformat()}/{batch_id}.parquet"


def raw_commit_dir(domain: str, table: str) -> str:
    return f"{raw_dir(domain, table)}/_commits"


def raw_commit(domain: str, table: str, batch_id: str) -> str:
    return f"{raw_commit_dir(domain, table)}/{batch_id}.json"


def refined_dir(domain: str, table: str) -> str:
    return f"{raw_dir(domain, table)}/_refined"


def refined_marker(domain: str, table: str, batch_id: str) -> str:
    return f"{refined_dir(domain, table)}/{batch_id}.json"


def landing_in_hand(topic: str) -> str:
    """The batch that the lander is about to write: its name and its messages."""
    return f"platform/in_hand/land-{topic}.json"


def refining_in_hand(contract_id: str) -> str:
    """The raw batches that refine is about to commit together, and the markers that each of them will get."""
    return f"platform/in_hand/refine-{contract_id}.json"


def clean_table(domain: str, table: str) -> str:
    return f"{domain}/clean/{table}"


def dead_letter_dir(domain: str, table: str) -> str:
    return f"{domain}/dead_letters/{table}"


def dead_letter_file(domain: str, table: str, batch_id: str) -> str:
    return f"{dead_letter_dir(domain, table)}/{batch_id}.parquet"


def redrive_dir(domain: str, table: str) -> str:
    return f"{domain}/dead_letters/_redrives/{table}"


def redrive_file(domain: str, table: str, name: str) -> str:
    return f"{redrive_dir(domain, table)}/{name}.parquet"


def redriving_in_hand(contract_id: str) -> str:
    """What will have become of the dead letters that replay is about to commit."""
    return f"platform/in_hand/replay-{contract_id}.parquet"


def rebuilt_table(name: str, domain: str, table: str) -> str:
    return f"rebuilt/{name}/{clean_table(domain, table)}"


def audit_record(name: str) -> str:
    return f"platform/audit/{name}.json"


def feature_dir(table: str) -> str:
    return f"features/{table}"


def feature_file(table: str) -> str:
    return f"{feature_dir(table)}/{table}.parquet"


@dataclass(frozen=True)
class Home:
    """The folders of the local profile, all below one root."""

    root: Path

    @property
    def bus(self) -> Path:
        return self.root / "bus"

    @property
    def spool(self) -> Path:
        """The collector's spool, where the bus is somewhere else."""
        return self.root / "spool"

    @property
    def journal(self) -> Path:
        """What the collector published lately, where the bus is somewhere else."""
        return self.root / "journal"

    @property
    def vault(self) -> Path:
        return self.root / "vault"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "lakehouse.duckdb"

    @property
    def feature_store(self) -> Path:
        """Feast's registry and SQLite online store."""
        return self.root / "feature_store"

    @property
    def truth(self) -> Path:
        """What the simulator knows to be true."""
        return self.root / "truth"

    @property
    def backfill(self) -> Path:
        """Rows of backfilled files that could not be used."""
        return self.root / "backfill"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def locks(self) -> Path:
        return self.root / "locks"
