"""The only reader of the environment. Every option is a field here, and names who needs it.

LAKEHOUSE_PROFILE chooses the storage once, in storage/open.py; no body branches on it. `docs/settings.md` is generated
from this class.
"""

import os
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Literal

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """All options, one typed field per LAKEHOUSE_* variable."""

    model_config = SettingsConfigDict(env_prefix="LAKEHOUSE_", extra="ignore", frozen=True)

    profile: Literal["local", "gcp"] = Field("local", description="Where data lives: files on this machine, or Google Cloud.")
    home: Path = Field(Path("var"), description="Local profile: the folder that holds the bus, the lake, the vault and the warehouse.")
    contracts: Path = Field(
        Path(__file__).resolve().parent.parent / "contracts", description="The folder of contracts; tests point it at an edited copy."
    )

    log_level: Literal["debug", "info", "warning", "error"] = Field("info", description="Least level that is logged.")
    log_strict: bool = Field(False, description="Raise where a log line would name a person, instead of replacing the value; tests set it.")

    collector_host: str = Field("127.0.0.1", description="Address the collector listens on.")
    collector_port: int = Field(8080, description="Port the collector listens on; 0 takes a free one.")
    collector_max_body_bytes: int = Field(5 * 1024 * 1024, description="Largest request body, after decompression; larger ones get 413.")
    collector_queue_bytes: int = Field(
        64 * 1024 * 1024, description="Events accepted but not yet durable that a collector holds at most; beyond it requests get 503."
    )
    collector_linger_ms: float = Field(5.0, description="How long the collector gathers events into one bus message.")
    collector_journal_hours: float = Field(
        6.0,
        ge=0,
        description="How long a collector keeps what it published, to publish it again where Pub/Sub came back empty; 0: not at all.",
    )
    collector_journal_bytes: int = Field(
        4 * 1024 * 1024 * 1024, description="What is kept so, of each topic, at most; the oldest goes first."
    )
    collector_journal_watch_seconds: float = Field(5.0, gt=0, description="How often a collector looks whether Pub/Sub came back empty.")

    land_batch_events: int = Field(50_000, description="Events in one raw file at most.")
    land_batch_seconds: float = Field(2.0, description="Longest wait before a smaller raw file is written.")
    refine_batch_rows: int = Field(1_000_000, description="Rows refined at once: more is faster, and takes about 1.5 kB of memory each.")

    as_of: date | None = Field(
        None, description="The business day that `lakehouse check` judges, for a simulated past; yesterday in Seoul where unset."
    )

    dbt_project: Path = Field(
        Path(__file__).resolve().parent.parent / "dbt_project", description="The folder of the dbt project that `lakehouse model` runs."
    )

    redis_url: SecretStr | None = Field(None, description="Feast's online store, such as redis://host:6379/0; SQLite where unset.")

    gcp_project: str | None = Field(None, description="gcp profile: the project.")
    gcp_region: str = Field("asia-northeast3", description="gcp profile: the region; Seoul by default.")
    gcp_bucket: str | None = Field(None, description="gcp profile: the bucket of the lake.")
    gcp_kms_key: str | None = Field(None, description="gcp profile: full name of the Cloud KMS key that wraps data keys.")
    vault_url: SecretStr | None = Field(None, description="gcp profile: SQLAlchemy URL of the vault's PostgreSQL.")
    pubsub_emulator_jar: Path | None = Field(
        None, description="Tests: the Pub/Sub emulator's jar, where it is not in a Cloud SDK's usual folder."
    )


@lru_cache(maxsize=1)
def settings() -> Settings:
    """The process's settings, read once. Tests that change the environment call `settings.cache_clear()`."""
    return Settings()


def child_environment(without_prefix: str = "", **own: str) -> dict[str, str]:
    """The environment for a program that we start: ours, less the names of that prefix, with `own` on top."""
    inherited = os.environ.items()  # noqa: TID251 - handed on, and read nowhere else
    return {name: value for name, value in inherited if not (without_prefix and name.startswith(without_prefix))} | own
