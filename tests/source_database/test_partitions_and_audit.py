"""Months are made ahead, by any number of programs at once; stray rows find home; the audit log only grows."""

import threading
from datetime import UTC, date, datetime

import psycopg
import pytest

from lakehouse.source import APP, IMPORTER, PUBLICATION
from source_database import partitions
from source_database.status import status
from tests.source_database.conftest import Database
from tests.source_database.tenants import Tenant, seed, tables

PARTITIONED = {"attempts", "responses", "kzone_ai_results", "audit_log"}
ANSWER = (
    "insert into responses (zone_id, org_id, response_id, attempt_id, item_id, user_id, response_index, is_correct, response_time_ms, responded_at) "
    "values ('univprep', 1, %s, 'at', 'it', 'us', 1, true, 900, %s)"
)


def test_months_ahead_are_made_once_whoever_makes_them(database: Database):
    made, failed = [], []

    def make() -> None:
        try:
            with database.connect() as owner:
                made.extend(partitions.ahead(owner, date(2030, 11, 1), 3))
        except Exception as error:  # noqa: BLE001 - a thread's failure is told by the assertion below
            failed.append(error)

    threads = [threading.Thread(target=make) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    months = ("2030_11", "2030_12", "2031_01", "2031_02")
    assert sorted(m.partition_name for m in made) == sorted(f"{table}_{month}" for table in PARTITIONED for month in months)
    with database.connect() as owner:
        assert partitions.ahead(owner, date(2030, 11, 1), 3) == []
        assert partitions.newest(owner) == dict.fromkeys(sorted(PARTITIONED), "2031-02")


def test_a_row_whose_month_is_missing_is_kept_reported_and_moved(database: Database):
    """And a reader of the publication is told of it again, never that it is gone."""
    at = datetime(2031, 5, 31, 23, 59, tzinfo=UTC)
    with database.connect(IMPORTER) as importer, database.connect() as owner:
        importer.execute(ANSWER, ("re-early", at))
        importer.execute(ANSWER, ("re-later", datetime(2031, 6, 1, tzinfo=UTC)))
        assert status(owner).stray_rows == {"responses_default": 2}
        with psycopg.connect(database.server.url(database=database.name), autocommit=True) as administrator:
            administrator.execute("select pg_create_logical_replication_slot('looking', 'pgoutput')")
            moved = {m.partition_name: m.moved_rows for m in partitions.ahead(owner, date(2031, 5, 1), 0)}
            sent = administrator.execute(
                "select data from pg_logical_slot_get_binary_changes('looking', null, null, 'proto_version', '1', 'publication_names', %s)",
                (PUBLICATION,),
            ).fetchall()
            administrator.execute("select pg_drop_replication_slot('looking')")
        assert moved["responses_2031_05"] == 1
        assert [data[:1] for (data,) in sent if data[:1] in (b"I", b"U", b"D", b"T")] == [b"I"]
        assert owner.execute("select tableoid::regclass::text from responses where response_id = 're-early'").fetchone() == (
            "responses_2031_05",
        )
        assert partitions.strays(owner) == {"responses_default": 1}
        importer.execute(ANSWER, ("re-after", at))
        assert owner.execute("select count(*) from responses_2031_05").fetchone()[0] == 2


def test_a_month_made_later_is_guarded_and_logged_like_the_first(database: Database):
    with database.connect() as owner:
        partitions.ahead(owner, date(2032, 1, 1), 0)
        guarded = owner.execute(
            "select relrowsecurity, relforcerowsecurity, relreplident, has_table_privilege(%s, oid, 'select') from pg_class where relname = 'responses_2032_01'",
            (APP,),
        )
        assert guarded.fetchone() == (True, True, "f", False)
        owner.execute(ANSWER, ("re-1", datetime(2032, 1, 5, tzinfo=UTC)))
        before = owner.execute("select changed_at from responses where response_id = 're-1'").fetchone()
        owner.execute("update responses set is_correct = false where response_id = 're-1'")
        assert owner.execute("select changed_at from responses where response_id = 're-1'").fetchone() > before


def test_a_change_knows_when_it_happened(database: Database):
    with database.connect(IMPORTER) as importer:
        seed(importer)
        for table in tables(importer).values():
            importer.execute(f"update {table.name} set zone_id = zone_id")
            assert importer.execute(f"select count(*) from {table.name} where changed_at < now() - interval '1 hour'").fetchone()[0] == 0, (
                table.name
            )
        said = datetime(2025, 11, 20, 3, tzinfo=UTC)
        importer.execute("update users set country_code = 'JP', changed_at = %s", (said,))
        assert importer.execute("select distinct changed_at from users").fetchall() == [(said,)]


def test_audit_says_who_did_what_to_which_row_and_names_nobody(database: Database):
    with database.connect(IMPORTER) as importer:
        seed(importer)
        importer.execute("update users set user_id = 'alice@mail.example.com' where user_id = 'users-kzone.3' and false")
        importer.execute(
            "insert into users (zone_id, org_id, user_id, role, email, full_name) values ('kzone', 6, 'alice@mail.example.com', 'student', 'alice@mail.example.com', 'Alice Kim')"
        )
    with database.tenant("kzone", 6) as app:
        app.execute("select set_config('app.current_user_id', 'bob@mail.example.com', false)")
        app.execute("update users set country_code = 'KR' where user_id = 'alice@mail.example.com'")
        app.execute("delete from users where user_id = 'alice@mail.example.com'")
        seen = app.execute(
            "select actor_role, action from audit_log where table_name = 'users' "
            "and row_key = encode(sha256('alice@mail.example.com'), 'hex') order by audit_id"
        ).fetchall()
        assert seen == [(IMPORTER, "insert"), (APP, "update"), (APP, "delete")]
    with database.connect() as owner:
        everything = " ".join(text for (text,) in owner.execute("select a::text from audit_log a"))
        assert "alice" not in everything and "bob" not in everything and "Kim" not in everything
        written = owner.execute(
            "select table_name, count(*) from audit_log where action = 'insert' and actor_role = %s group by 1", (IMPORTER,)
        )
        expected = {table.name: len(table.rows()) for table in tables(owner).values()}
        expected["users"] += 1
        assert dict(written.fetchall()) == expected
        for statement in ("update audit_log set actor_role = 'nobody'", "delete from audit_log", "truncate audit_log"):
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
                owner.execute(statement)
        owner.execute("truncate payments")
        assert (
            owner.execute("select actor_role from audit_log where action = 'truncate' and table_name = 'payments'").fetchone() is not None
        )


def test_the_pairs_of_a_tenant_are_its_own(database: Database):
    """An organization's id is one tenant's: two zones cannot both have it."""
    with database.connect(IMPORTER) as importer:
        seed(importer)
        with pytest.raises(psycopg.errors.UniqueViolation):
            organizations = tables(importer)["organizations"]
            importer.execute(*organizations.insert(organizations.row(Tenant("kzone", 1))))
