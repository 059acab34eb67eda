"""Settings → storage: the one place where the profile is chosen. Nobody else asks which it is.

LAKEHOUSE_PROFILE=local ─▶ local.py, delta.py, a vault and an audit log in SQLite
LAKEHOUSE_PROFILE=gcp   ─▶ gcp.py, delta.py on gs://, a vault in PostgreSQL under Cloud KMS, an audit log in PostgreSQL
"""

from pathlib import Path

from lakehouse.contracts import registry
from lakehouse.errors import SettingsError
from lakehouse.places import Home
from lakehouse.privacy.audit import Audit
from lakehouse.privacy.key_file import KeyFile
from lakehouse.privacy.vault import SqlVault
from lakehouse.settings import Settings
from lakehouse.storage.journal import Journal
from lakehouse.storage.local import LocalBus, LocalFiles
from lakehouse.storage.protocols import Bus, Files, TableStore
from lakehouse.storage.segment_log import SEGMENT_BYTES
from lakehouse.storage.sql import postgres_engine, sqlite_engine

_SPOOL_SEGMENTS = 8  # at least, when it is full: what is drained is freed a segment at a time


def open_bus(settings: Settings) -> Bus:
    if settings.profile == "gcp":
        from lakehouse.storage.gcp import PubSubBus

        return PubSubBus(_needed(settings, "gcp_project"))
    return LocalBus(Home(settings.home).bus)


def open_spool(settings: Settings) -> LocalBus:
    """The collector's spool, a local bus in every profile: what the bus could not take waits here, topic by topic."""
    segment_bytes = min(SEGMENT_BYTES, settings.collector_spool_bytes // _SPOOL_SEGMENTS)
    return LocalBus(Home(settings.home).spool, segment_bytes=segment_bytes)


def open_journal(settings: Settings) -> Journal | None:
    """What the collector published lately, for a bus that may lose it; None where the bus is a log on this disk, or nobody wants one."""
    if settings.profile == "local" or not settings.collector_journal_hours:
        return None
    return Journal(Home(settings.home).journal, settings.collector_journal_hours * 3600, settings.collector_journal_bytes)


def open_files(settings: Settings) -> Files:
    if settings.profile == "gcp":
        from lakehouse.storage.gcp import GcsFiles

        _refuse_another_cloud_region(settings)
        return GcsFiles(_needed(settings, "gcp_project"), _needed(settings, "gcp_bucket"))
    return LocalFiles(Home(settings.home).lake)


def has_lake(settings: Settings) -> bool:
    """Whether it is said where the lake is. A collector that is not told takes events, and no media."""
    return settings.profile != "gcp" or settings.gcp_bucket is not None


def open_tables(settings: Settings) -> TableStore:
    from lakehouse.storage.delta import DeltaTables

    home = Home(settings.home)
    root = f"gs://{_needed(settings, 'gcp_bucket')}" if settings.profile == "gcp" else str(home.lake.absolute())
    return DeltaTables(root, home.locks, open_files(settings))


def open_vault(settings: Settings) -> SqlVault:
    """The vault; one that was restored from a backup forgets again whom the audit log knows to be forgotten. Raises SettingsError
    where it is another region's."""
    if settings.profile == "gcp":
        from lakehouse.storage.gcp import KmsKey

        _refuse_another_cloud_region(settings)
        url = _needed(settings, "vault_url").get_secret_value()
        vault = SqlVault(postgres_engine(url), KmsKey(_needed(settings, "gcp_kms_key")))
        is_audited = settings.audit_url is not None
    else:
        home = Home(settings.home)
        vault = SqlVault(sqlite_engine(home.vault / "vault.sqlite"), KeyFile(home.vault / "master.key"))
        is_audited = home.audit.is_dir()
    vault.settle(registry().region(settings.region).region_id)
    if is_audited:
        from lakehouse.privacy.tombstones import set_right

        audit = open_audit(settings)
        set_right(vault, audit)
        audit.close()
    return vault


def open_audit(settings: Settings) -> Audit:
    if settings.profile == "gcp":
        return Audit(postgres_engine(_needed(settings, "audit_url").get_secret_value()))
    return Audit(sqlite_engine(Home(settings.home).audit / "audit.sqlite"))


def open_warehouse(settings: Settings) -> Path:
    """The DuckDB file of the warehouse. Raises SettingsError where the warehouse is BigQuery."""
    if settings.profile == "gcp":
        raise SettingsError(
            "this command works on the local profile's warehouse so far",
            hint="every model compiles for BigQuery: run `dbt build --project-dir dbt_project --profiles-dir dbt_project` with LAKEHOUSE_PROFILE=gcp",
        )
    return Home(settings.home).warehouse


def _refuse_another_cloud_region(settings: Settings) -> None:
    region = registry().region(settings.region)
    if region.cloud_region != settings.gcp_region:
        raise SettingsError(
            f"{region.region_id} is {region.cloud_region}, and LAKEHOUSE_GCP_REGION is {settings.gcp_region}",
            hint="what is about a person does not leave its region: set both to the region that the bucket is in",
        )


def _needed(settings: Settings, name: str):
    value = getattr(settings, name)
    if value is None:
        raise SettingsError(
            f"LAKEHOUSE_{name.upper()} is not set", hint=f"the gcp profile needs it: {type(settings).model_fields[name].description}"
        )
    return value
