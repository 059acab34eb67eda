"""Where everything is: the only place where paths and table names are composed.

    <home>/bus                                    segment log of the local profile
    <home>/vault                                  keys and pseudonyms of the local profile
    <home>/access                                 who may come in: digests of the keys of callers
    <home>/audit                                  the audit log of the local profile: who did what, in a chain of hashes
    <home>/cdc                                    how far the source database is captured: ledger and offsets
    <home>/lake/<domain>/raw/<table>/dt=…/        sealed Parquet; _commits/<batch>.json names a batch's files
    <home>/lake/<domain>/raw/<table>/_waiting/    a name a batch that is not refined yet: what there is to do, at a glance
    <home>/lake/<domain>/raw/<table>/_refined/    a marker a batch that refine has finished with, and its counts
    <home>/lake/platform/in_hand/                 what a step was doing when it was killed; its successor finishes it
    <home>/lake/<domain>/raw/media/dt=…/          sealed media objects, by the business day they arrived on
    <home>/lake/<domain>/raw/media/_records/      a record an object; where there is none there is no object
    <home>/lake/<domain>/clean/<table>/dt=…/      Delta
    <home>/lake/source/current/<table>/           Delta: a row a key of a source table
    <home>/lake/<domain>/dead_letters/<table>/    sealed Parquet, one file a raw batch
    <home>/lake/<domain>/dead_letters/_redrives/<table>/    what became of those that were driven again
    <home>/lake/platform/privacy/hidden.parquet   pseudonyms that no reading path may show any more
    <home>/lake/platform/privacy/restricted.parquet   pseudonyms of those whose data is kept and not used, and why
    <home>/lake/platform/hidden/people.parquet    both of these, pseudonyms alone, for engines that read it themselves
    <home>/lake/platform/privacy/exports/         archives for people who asked for their data, sealed; gone after some days
    <home>/lake/platform/privacy/training_sets/   a file a training set that was issued: its digest, its people as keyed digests
    <home>/lake/platform/pipeline_runs/dt=…/      a line a try of a task, until the warehouse has it
    <home>/lineage/                               OpenLineage events: a file of runs, a line an event
    <home>/lake/rebuilt/<name>/…/clean/<table>/   clean tables that a replay builds beside the others
    <home>/lake/features/<table>/                 Parquet for Feast
    <home>/replicas/<region>/                     another region's features: a home of its own, with these and nothing else
    <home>/redis                                  live aggregates of the local profile
    <home>/source                                 PostgreSQL of the local profile: its data, its address, its roles' passwords
    <home>/index/<table>/                         which event ids a clean table has; made from it, and made again where lost
    <home>/report.html                            the dashboards as one page
    <home>/warehouse/lakehouse.duckdb             curated, features and monitoring schemas

Lake paths are relative: `Files` and `TableStore` put the root (a folder or a bucket) in front.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path

CLEAN_SCHEMA = "clean"
CURATED_SCHEMA = "curated"
FEATURES_SCHEMA = "features"
INTERMEDIATE_SCHEMA = "intermediate"
MONITORING_SCHEMA = "monitoring"


def raw_dir(domain: str, table: str) -> str:
    return f"{domain}/raw/{table}"


def raw_file(domain: str, table: str, day: date, batch_id: str) -> str:
    return f"{raw_dir(domain, table)}/dt={day.isoformat()}/{batch_id}.parquet"


def raw_commit_dir(domain: str, table: str) -> str:
    return f"{raw_dir(domain, table)}/_commits"


def raw_commit(domain: str, table: str, batch_id: str) -> str:
    return f"{raw_commit_dir(domain, table)}/{batch_id}.json"


def waiting_dir(domain: str, table: str) -> str:
    return f"{raw_dir(domain, table)}/_waiting"


def waiting_batch(domain: str, table: str, batch_id: str) -> str:
    """There from before a batch's commit until after its refined marker."""
    return f"{waiting_dir(domain, table)}/{batch_id}"


def waiting_list_begun(domain: str, table: str) -> str:
    """There once every batch that was landed before such a list was kept is on it."""
    return f"{raw_dir(domain, table)}/_waiting_is_kept"


def refined_dir(domain: str, table: str) -> str:
    return f"{raw_dir(domain, table)}/_refined"


def refined_marker(domain: str, table: str, batch_id: str) -> str:
    return f"{refined_dir(domain, table)}/{batch_id}.json"


def media_dir(domain: str) -> str:
    return f"{domain}/raw/media"


def media_object(domain: str, day: date, media_pid: str, attempt: str) -> str:
    """`attempt` tells uploads of one object apart until one of them has its record."""
    return f"{media_dir(domain)}/dt={day.isoformat()}/{media_pid}-{attempt}"


def media_records_dir(domain: str) -> str:
    return f"{media_dir(domain)}/_records"


def media_record(domain: str, media_pid: str) -> str:
    """In 256 folders: a week of them is two million files."""
    return f"{media_records_dir(domain)}/{media_pid[:2]}/{media_pid}.json"


def landing_in_hand(topic: str) -> str:
    """The batch that the lander is about to write: its name and its messages."""
    return f"platform/in_hand/land-{topic}.json"


def refining_in_hand(contract_id: str) -> str:
    """The raw batches that refine is about to commit together, and the markers that each of them will get."""
    return f"platform/in_hand/refine-{contract_id}.json"


def clean_table(domain: str, table: str) -> str:
    return f"{domain}/clean/{table}"


def current_table(domain: str, table: str) -> str:
    return f"{domain}/current/{table}"


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


def rebuilt_dir() -> str:
    return "rebuilt/"


def rebuilt_table(name: str, domain: str, table: str) -> str:
    return f"{rebuilt_dir()}{name}/{clean_table(domain, table)}"


def hidden_people() -> str:
    """Parquet, one column `pid`: who is closed to every reader, and not purged yet."""
    return "platform/privacy/hidden.parquet"


def hidden_dir() -> str:
    """Apart from everything else in platform/: who may read it may read nothing but pseudonyms."""
    return "platform/hidden"


def shown_to_nobody() -> str:
    """Parquet, one column `pid`: whom no reader may see, for whichever reason."""
    return f"{hidden_dir()}/people.parquet"


def restricted_people() -> str:
    """Parquet: `pid`, `reason`, `since`, `request_id` of everybody whose data is kept and not used."""
    return "platform/privacy/restricted.parquet"


def receipts_dir() -> str:
    return "platform/privacy/receipts"


def receipt(request_id: str) -> str:
    return f"{receipts_dir()}/{request_id}.json"


def training_sets_dir() -> str:
    return "platform/privacy/training_sets"


def training_set(set_id: str) -> str:
    return f"{training_sets_dir()}/{set_id}.json"


def exports_dir() -> str:
    return "platform/privacy/exports"


def export(request_id: str) -> str:
    return f"{exports_dir()}/{request_id}.zip.sealed"


def receipt_keys() -> str:
    """Public keys that receipts are signed with, by their names: whoever checks a receipt needs nothing else."""
    return "platform/privacy/receipt_keys.json"


def retention_report(as_of: date) -> str:
    return f"platform/privacy/retention/{as_of.isoformat()}.json"


def pipeline_runs_dir() -> str:
    return "platform/pipeline_runs"


def pipeline_run(day: date, name: str) -> str:
    """`day`: on which it began, in UTC."""
    return f"{pipeline_runs_dir()}/dt={day.isoformat()}/{name}.json"


def feature_dir(table: str) -> str:
    return f"features/{table}"


def feature_file(table: str) -> str:
    return f"{feature_dir(table)}/{table}.parquet"


def replica_told() -> str:
    """In a replica: whose it is, and of when."""
    return "platform/replica.json"


def replicated_to() -> str:
    """Which regions have copies of this one's features."""
    return "platform/replicated_to.json"


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
    def source(self) -> Path:
        """The source database that `lakehouse source serve` runs."""
        return self.root / "source"

    @property
    def access(self) -> Path:
        """API keys of callers, as digests."""
        return self.root / "access"

    @property
    def audit(self) -> Path:
        """Who looked at what and who decided what."""
        return self.root / "audit"

    @property
    def lake(self) -> Path:
        return self.root / "lake"

    @property
    def index(self) -> Path:
        """Derived from clean, one folder a table; deleting it costs a rebuild."""
        return self.root / "index"

    @property
    def warehouse(self) -> Path:
        return self.root / "warehouse" / "lakehouse.duckdb"

    @property
    def dbt_target(self) -> Path:
        """What dbt knows of the last build."""
        return self.root / "warehouse" / "dbt" / "target"

    @property
    def report(self) -> Path:
        """What `lakehouse report` makes of the warehouse."""
        return self.root / "report.html"

    @property
    def feature_store(self) -> Path:
        """Feast's registry and SQLite online store."""
        return self.root / "feature_store"

    def replica(self, region_id: str) -> Path:
        """The home of that region's features here."""
        return self.root / "replicas" / region_id

    @property
    def redis(self) -> Path:
        """The Redis of the live path, where `lakehouse live redis` runs it."""
        return self.root / "redis"

    @property
    def truth(self) -> Path:
        """What the simulator knows to be true."""
        return self.root / "truth"

    @property
    def backfill(self) -> Path:
        """Rows of backfilled files that could not be used."""
        return self.root / "backfill"

    @property
    def cdc(self) -> Path:
        """The integrity ledger and Debezium's offsets."""
        return self.root / "cdc"

    @property
    def airflow(self) -> Path:
        return self.root / "airflow"

    @property
    def lineage(self) -> Path:
        return self.root / "lineage"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def locks(self) -> Path:
        return self.root / "locks"
