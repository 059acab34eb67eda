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
    region: str = Field(
        "seoul",
        description="Where this installation is, one of contracts/reference/regions.yaml: it takes records of that region's tenants alone.",
    )
    replicas: str = Field(
        "",
        description="Where features are copied to, as region=place with commas between: on the local profile the other installation's "
        "LAKEHOUSE_HOME. Not copied where empty.",
    )
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
    collector_bodies_bytes: int = Field(
        128 * 1024 * 1024, description="Bodies still coming in that a collector holds at most; beyond it requests get 503."
    )
    collector_connections: int = Field(1_024, description="Connections that a collector holds at most; a further one gets 503.")
    collector_request_seconds: float = Field(30.0, description="How long a request may take to arrive; a slower one gets 408.")
    collector_spool_bytes: int = Field(
        8 * 1024 * 1024 * 1024, description="What waits on disk while the bus is away holds at most so much; beyond it requests get 507."
    )
    collector_spool_reserve_bytes: int = Field(
        256 * 1024 * 1024, description="Free bytes that the spool leaves on its disk for everybody else; below it requests get 507."
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

    collector_cors_origins: str | None = Field(
        None,
        description="Origins whose pages may send events from a browser, with commas between; the nine sites over https where unset, `*` for all.",
    )
    collector_trusted_proxies: str | None = Field(
        None,
        description="Addresses of the load balancers whose X-Forwarded-For is believed, with commas between; nobody's where unset.",
    )
    collector_tls_cert: Path | None = Field(None, description="Certificate chain (PEM) of the collector; with its key, it speaks TLS.")
    collector_tls_key: Path | None = Field(None, description="Private key (PEM) of that certificate.")
    collector_tls_minimum: Literal["1.3", "1.2"] = Field(
        "1.3", description="Oldest TLS that is spoken; 1.2 for clients that know no other."
    )
    collector_behind_tls: bool = Field(
        False, description="A load balancer in front ends TLS; outside the local profile the collector asks for this or a certificate."
    )

    access: Literal["on", "off"] | None = Field(
        None,
        description="Whether callers must show a key or a token. Unset: off on the local profile, on elsewhere, where off is refused.",
    )
    access_url: SecretStr | None = Field(
        None, description="SQLAlchemy URL of the database of API keys; on the local profile SQLite under LAKEHOUSE_HOME where unset."
    )
    access_secret: SecretStr | None = Field(
        None,
        description="What ids of token holders, and each reader's own names for pseudonyms, are made with: the same on every machine. "
        "On the local profile a key file under LAKEHOUSE_HOME where unset.",
    )
    data_token: SecretStr | None = Field(
        None, description="Key or token that `lakehouse query`, `features` and `report` show where the gate is closed."
    )
    access_cache_seconds: float = Field(5.0, description="How long a revoked key may still be good at a door that has just seen it.")
    oidc_issuer: str | None = Field(None, description="Issuer of OIDC bearer tokens, as its `iss` claim says it; no tokens where unset.")
    oidc_audience: str | None = Field(None, description="What the `aud` claim of a token must name: this platform. Needed with an issuer.")
    oidc_jwks_url: str | None = Field(None, description="Where the issuer's public keys are; found by OIDC discovery where unset.")
    oidc_scope_claim: str = Field("scope", description="Claim that holds a token's scopes: a list, or a text with blanks between.")
    oidc_zones_claim: str = Field("zones", description="Claim that lists the zones a token is for; `*` is all, and absent is none.")
    oidc_orgs_claim: str = Field("orgs", description="Claim that lists the tenants a token is for; `*` is all, and absent is none.")
    oidc_user_claim: str = Field(
        "user_id", description="Claim that names the one person whose data a token may read, where it is so bound."
    )
    oidc_role_claim: str = Field("role", description="Claim that says as what its holder reads data, such as analyst; absent reads none.")
    oidc_region_claim: str = Field(
        "region", description="Claim that says in which region its holder sits; personal columns are read in LAKEHOUSE_REGION alone."
    )
    oidc_leeway_seconds: float = Field(60.0, description="How far the issuer's clock and ours may differ.")
    oidc_events_per_second: float = Field(100.0, description="Events a second that one token's owner may send.")
    oidc_bytes_per_second: float = Field(1_000_000.0, description="Bytes a second that one token's owner may send.")

    media_uploads: int = Field(32, description="Media objects that a collector receives at once; beyond it uploads get 503.")
    media_url_seconds: int = Field(900, description="How long an upload URL from `POST /v1/media` is good for.")

    land_batch_events: int = Field(50_000, description="Events in one raw file at most.")
    land_batch_seconds: float = Field(2.0, description="Longest wait before a smaller raw file is written.")
    refine_batch_rows: int = Field(1_000_000, description="Rows refined at once: more is faster, and takes about 2.5 kB of memory each.")

    cdc_flush_rows: int = Field(100, description="Changes of the source database from which the CDC writer writes at once.")
    cdc_flush_seconds: float = Field(5.0, description="Longest that the CDC writer lets a change wait for others.")
    raw_window_days: int = Field(30, description="How long raw is kept, and so how long after it a copy of an event can come.")
    compact_small_files: int = Field(64, description="Small files in a day of a clean table from which `lakehouse compact` makes one.")
    compact_keep_hours: float = Field(
        24.0, description="How long files that are no part of a table any more are kept for those who still read them."
    )

    privacy_export_days: int = Field(
        7, ge=1, le=30, description="How long the archive of a person who asked for their data can be fetched."
    )

    slack_webhook_url: SecretStr | None = Field(None, description="Slack's incoming webhook for alerts; without it they are only logged.")
    pagerduty_routing_key: SecretStr | None = Field(
        None, description="Integration key of PagerDuty's Events API v2, for critical alerts; without it they are only logged."
    )
    pagerduty_url: str = Field("https://events.pagerduty.com/v2/enqueue", description="Where critical alerts go, with that key.")
    alert_timeout_seconds: float = Field(5.0, gt=0, description="How long an alert waits for its receiver; it is tried twice.")
    docs_url: str | None = Field(None, description="Where docs/ can be read, for links in alerts; its path in the repository where unset.")
    lineage_url: str | None = Field(
        None,
        description="OpenLineage endpoint, such as http://marquez:5000; where unset, events go to files in lineage/ of the lake's home.",
    )
    lineage_parent: str | None = Field(
        None, description="The run that started this command, as `namespace/job/run`, for the lineage of its parts; Airflow's tasks set it."
    )
    outcome_file: Path | None = Field(
        None, description="Where a command leaves what it did, in numbers, as JSON, for the scheduler that started it; nowhere where unset."
    )

    as_of: date | None = Field(
        None,
        description="The business day that `lakehouse check` judges and `lakehouse retain` reckons from, for a simulated past; where "
        "unset, yesterday and today in Seoul.",
    )

    dbt_project: Path = Field(
        Path(__file__).resolve().parent.parent / "dbt_project", description="The folder of the dbt project that `lakehouse model` runs."
    )

    live_redis_url: SecretStr | None = Field(
        None, description="Redis of the live path; LAKEHOUSE_REDIS_URL where unset, and else the server that `lakehouse live redis` runs."
    )
    live_window_minutes: int = Field(60, ge=1, le=1440, description="How far back live figures reach; Redis forgets what is older.")
    live_host: str = Field("127.0.0.1", description="Address that `lakehouse live serve` listens on.")
    live_port: int = Field(8090, description="Port that `lakehouse live serve` listens on; 0 takes a free one.")
    live_tls_cert: Path | None = Field(None, description="Certificate chain (PEM) of the live server; with its key, it speaks TLS.")
    live_tls_key: Path | None = Field(None, description="Private key (PEM) of that certificate.")
    live_behind_tls: bool = Field(
        False, description="A proxy in front of the live server speaks TLS; outside the local profile it must, or the server itself."
    )
    live_token: SecretStr | None = Field(
        None, description="Key or token that `lakehouse live watch` shows; needed where the server's gate is closed."
    )
    live_push_ms: float = Field(250.0, description="How long changes are gathered into one delta before subscribers get it.")
    live_queue_messages: int = Field(1_000, description="Messages that may wait for one subscriber; beyond it a slow reader is dropped.")
    live_connections_per_key: int = Field(200, description="Connections that one key or token may hold at a time.")
    live_subscriptions: int = Field(32, description="Subscriptions that one connection may hold.")
    source_url: SecretStr | None = Field(
        None,
        description="The source database, as postgresql://role:password@host/database with the role of whoever connects; "
        "where unset, the one that `lakehouse source serve` runs on this machine.",
    )
    cdc_publication: str = Field(
        "megacity_cdc", description="The publication whose tables `lakehouse cdc` captures, as far as contracts know them."
    )
    cdc_slot: str = Field("megacity_cdc", description="The replication slot of `lakehouse cdc`; it makes it, and nobody else may touch it.")
    cdc_heartbeat_ms: int = Field(
        5_000, ge=100, description="How often an idle source is heard from, so that its slot moves on and WAL is freed."
    )
    cdc_batch_rows: int = Field(8_192, ge=1, description="Changes that are published together at most.")
    cdc_wal_alert_bytes: int = Field(1024**3, description="WAL kept for the slot above which `lakehouse cdc` warns.")
    cdc_stall_seconds: float = Field(
        120.0, description="Silence, heartbeats included, after which a capturing engine is taken for dead and restarted."
    )

    bi_url: SecretStr | None = Field(
        None,
        description="PostgreSQL of the published marts, as postgresql://role:password@host/database: the role megacity_bi_owner, "
        "or an administrator for the first time and for new logins.",
    )
    metabase_url: str | None = Field(None, description="The Metabase that dashboards are provisioned to, such as http://localhost:3000.")
    metabase_api_key: SecretStr | None = Field(None, description="An API key of its administrators.")
    metabase_user: str | None = Field(None, description="E-mail address of an administrator of Metabase, where there is no API key.")
    metabase_password: SecretStr | None = Field(None, description="That administrator's password.")
    metabase_database_url: SecretStr | None = Field(
        None, description="The published marts as Metabase reaches them, with the login that it shall read by; made by `dashboards grant`."
    )

    redis_url: SecretStr | None = Field(None, description="Feast's online store, such as redis://host:6379/0; SQLite where unset.")

    gcp_project: str | None = Field(None, description="gcp profile: the project.")
    gcp_region: str = Field("asia-northeast3", description="gcp profile: Google Cloud's name for LAKEHOUSE_REGION; Seoul's by default.")
    gcp_bucket: str | None = Field(None, description="gcp profile: the bucket of the lake.")
    gcp_kms_key: str | None = Field(None, description="gcp profile: full name of the Cloud KMS key that wraps data keys.")
    vault_url: SecretStr | None = Field(None, description="gcp profile: SQLAlchemy URL of the vault's PostgreSQL.")
    audit_url: SecretStr | None = Field(None, description="gcp profile: SQLAlchemy URL of the audit log's PostgreSQL.")
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
