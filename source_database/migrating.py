"""`lakehouse source migrate`: the schema brought up to date by Alembic, as the role that owns it.

    revisions ─▶ those that only add ─▶ (writers go over to the new shape, `lakehouse source backfill`) ─▶ those that take away

A revision that takes something away says `takes_away = True`, and runs only when asked to (`--contract`): the programs
that still need the old shape are not seen from here. A database of nobody's yet goes all the way.
"""

import random
import time
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine, pool, text
from sqlalchemy.exc import OperationalError

from lakehouse.contracts import registry
from lakehouse.errors import BusyError
from lakehouse.log import get_log
from lakehouse.source import OWNER
from source_database import roles

log = get_log(__name__)
_TRIES = 20
_FOLDER = Path(__file__).parent / "migrations"
LOCK_TIMEOUT = "500ms"


def migrate(url: str, *, may_take_away: bool = False, until: str | None = None) -> list[str]:
    """The revisions that were applied, in order; `until`: none after this one.

    Raises BadInputError where the role may not migrate, BusyError where the tables stay busy.
    """
    with psycopg.connect(url, autocommit=True) as first:
        roles.ensure(first)
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=pool.NullPool)
    with engine.connect() as connection:
        connection.execute(text(f"set role {OWNER}"))
        connection.execute(text(f"set lock_timeout = '{LOCK_TIMEOUT}'"))
        connection.commit()
        is_new = head(connection) is None
        wanted = until or target(head(connection), may_take_away or is_new)
        applied = _between(head(connection), wanted)
        for revision in applied:
            _apply(connection, revision)
        _fill_zones(connection)
    engine.dispose()
    return applied


def _apply(connection: Connection, revision: str) -> None:
    """One revision, tried again while a writer holds what it needs: it waits LOCK_TIMEOUT at most, and so does who waits behind it.

    Raises BusyError.
    """
    for attempt in range(_TRIES):
        try:
            command.upgrade(_config(connection), revision)
            connection.commit()
            return
        except OperationalError as error:
            connection.rollback()
            if not isinstance(error.orig, psycopg.errors.LockNotAvailable):
                raise
            log.info("migration_waits", revision=revision, attempt=attempt)
            time.sleep(min(0.1 * 2**attempt, 5) * (0.5 + random.random()))
    raise BusyError(
        f"revision {revision} found its tables busy {_TRIES} times", hint="run `lakehouse source migrate` again at a quieter hour"
    )


def head(connection: Connection) -> str | None:
    """The revision that the database has; None where it has none."""
    with connection.begin_nested() if connection.in_transaction() else connection.begin():
        return MigrationContext.configure(connection).get_current_revision()


def target(current: str | None, may_take_away: bool) -> str:
    """The newest revision that may be applied: the last one before the first that takes away, unless that is allowed."""
    wanted = current
    for revision in list(script().iterate_revisions("head", current))[::-1]:
        if getattr(revision.module, "takes_away", False) and not may_take_away:
            break
        wanted = revision.revision
    return wanted or script().get_base()


def waiting(current: str | None) -> list[str]:
    """Revisions that are not applied yet, in order."""
    return _between(current, "head")


def _between(current: str | None, wanted: str) -> list[str]:
    return [r.revision for r in script().iterate_revisions(wanted, current)][::-1]


def script() -> ScriptDirectory:
    return ScriptDirectory.from_config(_config(None))


def _config(connection: Connection | None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.attributes["connection"] = connection
    return config


def _fill_zones(connection: Connection) -> None:
    """The nine sites, from contracts/reference/zones.yaml: what the contracts say is what the database has."""
    with connection.begin():
        for zone in registry().zones:
            connection.execute(
                text(
                    "insert into zones (zone_id, zone_code, zone_name, site_host) values (:zone_id, :zone_code, :zone_name, :site_host) "
                    "on conflict (zone_id) do update set zone_code = excluded.zone_code, zone_name = excluded.zone_name, site_host = excluded.site_host "
                    "where (zones.zone_code, zones.zone_name, zones.site_host) is distinct from (excluded.zone_code, excluded.zone_name, excluded.site_host)"
                ),
                {"zone_id": zone.zone_id, "zone_code": zone.zone_code, "zone_name": zone.zone_name, "site_host": zone.site_host},
            )
