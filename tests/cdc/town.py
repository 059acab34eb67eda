"""A small source database: the tables that contracts describe, as plain as they can be, a role for Debezium, and its rows as
contracts would write them."""

from datetime import UTC, date, datetime
from decimal import Decimal
from random import Random
from threading import Event, Thread

import psycopg

from source_database.server import Server

DEBEZIUM = "debezium"
PASSWORD = "only-for-tests"
PUBLICATION = "megacity_cdc"
TABLES = ("organizations", "users", "exams", "items", "attempts", "responses")
_TENANT = "zone_id text not null, org_id integer, updated_at timestamptz not null default '2025-11-20 03:00:00+00'"
SCHEMA = f"""
create table organizations (org_id integer primary key, zone_id text not null, org_name text not null, org_type text not null, country_code text,
    created_at timestamptz not null default '2025-01-01', updated_at timestamptz not null default '2025-11-20');
create table users (user_id text primary key, role text not null, email text, full_name text, phone text, birth_on date, country_code text,
    signed_up_at timestamptz not null default '2025-02-03 04:05:06.789+09', {_TENANT});
create table exams (exam_id text primary key, exam_title text not null, exam_type text not null, item_count integer, time_limit_ms bigint,
    published_at timestamptz, {_TENANT});
create table items (item_id text primary key, exam_id text not null, skill text not null, item_discrimination double precision,
    item_difficulty double precision, item_guessing numeric(8,6), {_TENANT});
create table attempts (attempt_id text, exam_id text not null, user_id text not null, attempt_status text not null,
    started_at timestamptz not null default '2025-11-20', finished_at timestamptz, score numeric(5,2), theta double precision,
    standard_error double precision, time_spent_ms bigint, {_TENANT}, primary key (attempt_id, started_at)) partition by range (started_at);
create table attempts_2025_11 partition of attempts for values from ('2025-11-01') to ('2025-12-01');
create table attempts_2025_12 partition of attempts for values from ('2025-12-01') to ('2026-01-01');
create table responses (response_id text primary key, attempt_id text not null, item_id text not null, user_id text not null,
    response_index integer not null, is_correct boolean not null, response_time_ms bigint, responded_at timestamptz not null, {_TENANT});
alter table users replica identity full;
create publication {PUBLICATION} for table {", ".join(TABLES)} with (publish_via_partition_root = true);
"""


def found(server: Server, schema: str = SCHEMA) -> str:
    """Make the database; returns the URL that `lakehouse cdc` is given."""
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(f"create role {DEBEZIUM} login replication bypassrls password '{PASSWORD}'")
        connection.execute(schema)
        connection.execute(f"grant select on all tables in schema public to {DEBEZIUM}")
        connection.execute(f"alter default privileges in schema public grant select on tables to {DEBEZIUM}")
    return server.url(DEBEZIUM, PASSWORD)


def rows(server: Server) -> dict[str, dict[str, dict]]:
    """Table → key → fields that are not null, as the fold has them."""
    told = {}
    with psycopg.connect(server.url(), row_factory=psycopg.rows.dict_row) as connection:
        for table in TABLES:
            key = f"{table[:-1]}_id" if table != "organizations" else "org_id"
            told[table] = {str(row[key]): _fields(table, row) for row in connection.execute(f"select * from {table}")}
    return told


def _fields(table: str, row: dict) -> dict:
    fields = {n: _plain(v) for n, v in row.items() if (v is not None and n != "updated_at") or n == "org_id"}
    return fields


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    if isinstance(value, date):
        return value.isoformat()
    return float(value) if isinstance(value, Decimal) else value


class Writer:
    """Somebody who works on the database all the while: rows of one statement that share a place in the log, moved keys, moved
    partitions, deletions, rolled back savepoints, now and then a TRUNCATE. `changes` counts the rows it touched."""

    def __init__(self, url: str, seed: int = 0, pause_s: float = 0.01) -> None:
        self.url = url
        self.changes = 0
        self._random = Random(seed)
        self._pause_s = pause_s
        self._number = seed * 1_000_000
        self._live: list[str] = []
        self._stop = Event()
        self._thread = Thread(target=self._work, daemon=True)
        self.error: BaseException | None = None

    def __enter__(self) -> "Writer":
        self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        self._stop.set()
        self._thread.join()
        if self.error:
            raise self.error

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                with psycopg.connect(self.url, autocommit=True) as connection:
                    while not self._stop.wait(self._pause_s):
                        self.step(connection)
            except psycopg.OperationalError:
                self._stop.wait(0.1)  # the server was struck; what was not committed never was
                self._live = []
            except BaseException as error:  # noqa: BLE001 - told by __exit__
                self.error = error
                return

    def step(self, connection: psycopg.Connection) -> None:
        kind = self._random.random()
        if kind < 0.45 or not self._live:
            self._insert(connection, self._random.choice((1, 1, 2, 40)))
        elif kind < 0.7:
            self._run(
                connection,
                "update attempts set score = %s, updated_at = now() where attempt_id = %s",
                self._random.randint(0, 100),
                self._one(),
            )
        elif kind < 0.8:
            self._number += 1
            moved, self._live[-1] = self._live[-1], f"a-{self._number}"
            self._run(connection, "update attempts set attempt_id = %s where attempt_id = %s", self._live[-1], moved)
        elif kind < 0.86:
            self._run(connection, "update attempts set started_at = started_at + %s * interval '1 day' where attempt_id = %s and started_at < '2025-12-01'", self._random.choice((1, 20)), self._one())  # fmt: skip
        elif kind < 0.97:
            self._run(connection, "delete from attempts where attempt_id = %s", self._live.pop(self._random.randrange(len(self._live))))
        elif kind < 0.99:
            with connection.transaction():
                self._insert(connection, 2)
                with connection.transaction(force_rollback=True):
                    # Some, and not all: the table grows, and so would the log that the engine reads again after each kill.
                    some = "select attempt_id from attempts order by attempt_id desc limit 50"
                    self._run(connection, f"delete from attempts where attempt_id in ({some})", counted=False)
                self._run(connection, "update users set country_code = 'US' where user_id = 'u-1'")
        else:
            with connection.transaction():
                connection.execute("truncate responses")
                self._respond(connection, 3)

    def _one(self) -> str:
        return self._random.choice(self._live)

    def _insert(self, connection: psycopg.Connection, count: int) -> None:
        """COPY writes many rows as one record of the log: they share an LSN."""
        keys = [f"a-{self._number + n + 1}" for n in range(count)]
        self._number += count
        columns = "attempt_id, exam_id, user_id, attempt_status, started_at, zone_id, org_id, updated_at"
        with connection.cursor().copy(f"copy attempts ({columns}) from stdin") as copy:
            for key in keys:
                copy.write_row(
                    (key, "e-1", "u-1", "started", "2025-11-21T00:00:00Z", "univprep", 1 + self._number % 3, "2025-11-21T00:00:00Z")
                )
        self._live += keys
        self.changes += count
        self._respond(connection, 1)

    def _respond(self, connection: psycopg.Connection, count: int) -> None:
        for _ in range(count):
            self._number += 1
            self._run(
                connection,
                "insert into responses values (%s, 'a', 'i-1', 'u-1', 1, true, 900, '2025-11-21', 'kzone', 2, '2025-11-21')",
                f"r-{self._number}",
            )

    def _run(self, connection: psycopg.Connection, statement: str, *values: object, counted: bool = True) -> None:
        done = connection.execute(statement, values)
        self.changes += done.rowcount if counted else 0


def settle(connection: psycopg.Connection) -> None:
    """A few standing rows of every table."""
    connection.execute("insert into organizations (org_id, zone_id, org_name, org_type) select n, 'univprep', 'Org ' || n, 'school' from generate_series(1, 3) n")  # fmt: skip
    connection.execute("insert into users (user_id, role, email, birth_on, zone_id, org_id) select 'u-' || n, 'student', n || '@example.org', '2010-05-06', 'univprep', 1 + n % 3 from generate_series(1, 20) n")  # fmt: skip
    connection.execute("insert into exams values ('e-1', 'Mock', 'mock', 30, 60000, '2025-11-01', 'univprep', null)")
    connection.execute("insert into items values ('i-1', 'e-1', 'reading', 1.25, -0.5, 0.25, 'univprep', null)")


def now() -> datetime:
    return datetime.now(UTC)
