"""What one tenant can try against the others, on every table of the catalog; and what came of it, as sentences.

    findings(administrator, tenant) ─▶ [] where the tenants are apart

Each attempt is made as megacity_app inside a transaction of an administrator's that is rolled back; before that the
administrator looks at everybody else's rows: they must be what they were.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import psycopg
from psycopg import sql

from lakehouse.source import APP
from tests.source_database.tenants import LOOKED_UP, OF_NOBODY, PAIRS, Table, Tenant, key_of, tables

REFUSED = ("42501", "0A000")  # insufficient_privilege, which RLS raises too; COPY FROM is not there for those whom RLS binds
NOT_THERE = "23503"  # foreign_key_violation


def findings(administrator: psycopg.Connection, tenant: Tenant, only: str | None = None) -> list[str]:
    """What `tenant` could see or change of others, and whatever of its own it could not see. `only`: through that table."""
    found, known = list(_unguarded(administrator)), tables(administrator)
    for table in known.values():
        if only in (None, table.name):
            attacks = ATTACKS | {f"{part}, addressed directly": partial(_partition, part) for part in table.partitions}
            for name, attack in attacks.items():
                found += [f"{table.name}: {name}: {what}" for what in attack(Try(administrator, table, tenant, known))]
    return found


def _unguarded(administrator: psycopg.Connection) -> Iterator[str]:
    """Tables without forced row-level security, views that look with their owner's eyes, functions that act with their owner's hands."""
    for (name,) in administrator.execute(
        "select oid::regclass::text from pg_class where relkind in ('r', 'p') and relnamespace = 'public'::regnamespace "
        "and not (relrowsecurity and relforcerowsecurity) and relname <> all(%s)",
        (list(OF_NOBODY),),
    ):
        yield f"{name}: has no row-level security"
    for name in OF_NOBODY:
        if administrator.execute("select has_table_privilege(%s, %s, 'select, insert, update, delete')", (APP, name)).fetchone()[0]:
            yield f"{name}: {APP} has a privilege on it"
    for (name,) in administrator.execute(
        "select oid::regclass::text from pg_class where relkind in ('v', 'm') and relnamespace = 'public'::regnamespace "
        "and not coalesce('security_invoker=true' = any(reloptions), false)"
    ):
        yield f"{name}: a view that looks with its owner's eyes"
    for (name,) in administrator.execute(
        "select oid::regprocedure::text from pg_proc where pronamespace = 'public'::regnamespace and prosecdef "
        "and prorettype <> 'trigger'::regtype and has_function_privilege(%s, oid, 'execute')",
        (APP,),
    ):
        yield f"{name}: a function that acts with its owner's hands"


@dataclass
class Outcome:
    """What an attempt gave: its rows, or the SQLSTATE that refused it; and whether another tenant's row is not what it was."""

    rows: list[tuple]
    count: int
    error: str | None
    notices: list[str]
    others_changed: bool


@dataclass
class Try:
    administrator: psycopg.Connection
    table: Table
    tenant: Tenant
    known: dict[str, Table]

    @property
    def id(self) -> sql.Identifier:
        return sql.Identifier(self.table.name)

    @property
    def other(self) -> Tenant:
        """Same zone, another org."""
        return next(p for p in PAIRS if p.zone_id == self.tenant.zone_id and p.org_id != self.tenant.org_id)

    @property
    def elsewhere(self) -> Tenant:
        """Same org, another zone."""
        return next(p for p in PAIRS if p.zone_id != self.tenant.zone_id and p.org_id == self.tenant.org_id)

    def run(self, *statements: str | sql.Composable, values: list | None = None, copy: bool = False) -> Outcome:
        """The last statement's outcome; all of them as the tenant."""
        with self._as_tenant() as (connection, notices, changed):
            rows, count, error = [], 0, None
            try:
                with connection.transaction(savepoint_name="attempt"):
                    for statement in statements[:-1]:
                        connection.execute(statement)
                    if copy:
                        with connection.cursor() as cursor, cursor.copy(statements[-1]) as stream:
                            rows = list(stream.rows())
                    else:
                        cursor = connection.execute(statements[-1], values)
                        count = cursor.rowcount
                        rows = cursor.fetchall() if cursor.description else []
            except psycopg.Error as refused:
                error = refused.sqlstate
            return Outcome(rows, count, error, notices, changed())

    @contextmanager
    def _as_tenant(self):
        notices: list[str] = []
        hear = lambda said: notices.append(said.message_primary or "")  # noqa: E731
        self.administrator.add_notice_handler(hear)
        try:
            with self.administrator.transaction(force_rollback=True):
                before = self._others()
                self.administrator.execute(f"set local role {APP}")
                self.administrator.execute(
                    "select set_config('app.current_zone_id', %s, true), set_config('app.current_org_id', %s, true)",
                    (self.tenant.zone_id, str(self.tenant.org_id or "")),
                )

                def changed() -> bool:
                    self.administrator.execute("reset role")
                    return self._others() != before

                yield self.administrator, notices, changed
        finally:
            self.administrator.remove_notice_handler(hear)

    def _others(self) -> list[tuple]:
        """Every row of every other tenant, of all tables."""
        parts = [
            f"select '{t}', count(*), sum(hashtextextended(x::text, 0)) from {t} x "
            f"where (zone_id, org_id) is distinct from ('{self.tenant.zone_id}', {self.tenant.org_id or 'null'})"
            for t in self.known
        ]
        return self.administrator.execute(" union all ".join(parts)).fetchall()

    def keys(self, outcome: Outcome) -> set[str]:
        return {str(row[0]) for row in outcome.rows}

    def only_own(self, outcome: Outcome, expected: set[str]) -> Iterator[str]:
        if outcome.error:
            yield f"failed with {outcome.error}"
        elif extra := self.keys(outcome) - expected:
            yield f"saw {', '.join(sorted(extra))}"
        elif missing := expected - self.keys(outcome):
            yield f"did not see its own {', '.join(sorted(missing))}"
        if outcome.others_changed:
            yield "changed others' rows"


def _reads(*statements: str) -> Callable[[Try], Iterator[str]]:
    """{t} is the table, {k} its key."""

    def attack(trying: Try) -> Iterator[str]:
        filled = [sql.SQL(s).format(t=trying.id, k=sql.Identifier(trying.table.key)) for s in statements]
        yield from trying.only_own(trying.run(*filled), trying.table.readable_by(trying.tenant))

    return attack


def _copy_out(trying: Try) -> Iterator[str]:
    statement = sql.SQL("copy (select {k} from {t}) to stdout").format(t=trying.id, k=sql.Identifier(trying.table.key))
    yield from trying.only_own(trying.run(statement, copy=True), trying.table.readable_by(trying.tenant))


def _copy_in(trying: Try) -> Iterator[str]:
    outcome = trying.run(sql.SQL("copy {t} from '/dev/null'").format(t=trying.id))
    if outcome.error not in REFUSED:
        yield f"COPY FROM gave {outcome.error}"


def _listen(trying: Try) -> Iterator[str]:
    """A predicate that tells of every row that it is shown: policies must come before it, however cheap it claims to be."""
    outcome = trying.run(
        "create function pg_temp.tell(k text) returns boolean language plpgsql cost 0.0001 as $$ begin raise notice '%', k; return true; end $$",
        sql.SQL("select {k} from {t} where pg_temp.tell({k}::text)").format(t=trying.id, k=sql.Identifier(trying.table.key)),
    )
    yield from trying.only_own(outcome, trying.table.readable_by(trying.tenant))
    if heard := set(outcome.notices) - trying.table.readable_by(trying.tenant):
        yield f"heard of {', '.join(sorted(heard))}"


def _change_all(trying: Try) -> Iterator[str]:
    outcome = trying.run(sql.SQL("update {t} set changed_at = now() returning {k}").format(t=trying.id, k=sql.Identifier(trying.table.key)))
    yield from trying.only_own(outcome, trying.table.written_by(trying.tenant))


def _delete_all(trying: Try) -> Iterator[str]:
    """A row that others refer to cannot go; then nothing has."""
    outcome = trying.run(sql.SQL("delete from {t} returning {k}").format(t=trying.id, k=sql.Identifier(trying.table.key)))
    if outcome.error == NOT_THERE:
        outcome.error, outcome.rows = None, [(key,) for key in trying.table.written_by(trying.tenant)]
    yield from trying.only_own(outcome, trying.table.written_by(trying.tenant))


def _give_away(trying: Try) -> Iterator[str]:
    for target in (trying.other, trying.elsewhere):
        outcome = trying.run(
            sql.SQL("update {t} set zone_id = %s, org_id = %s").format(t=trying.id), values=[target.zone_id, target.org_id]
        )
        # Its own organization may not be at home in this zone: then there is no row to give away.
        if outcome.error not in REFUSED and trying.table.written_by(trying.tenant):
            yield f"giving rows to {target} gave {outcome.error}"
        if outcome.others_changed:
            yield f"gave rows to {target}"


def _insert_for_others(trying: Try) -> Iterator[str]:
    for target in (trying.other, trying.elsewhere, *([Tenant(trying.tenant.zone_id, None)] if trying.table.is_shared else [])):
        instead = {} if trying.table.key in trying.table.refers or trying.table.name == "organizations" else {trying.table.key: "forged"}
        statement, values = trying.table.insert(trying.table.row(target, **instead))
        outcome = trying.run(statement, values=values)
        if outcome.error not in REFUSED:
            yield f"inserting for {target} gave {outcome.error}"
        if outcome.others_changed:
            yield f"inserted for {target}"


def _overwrite(trying: Try) -> Iterator[str]:
    """INSERT … ON CONFLICT DO UPDATE, and MERGE, on another tenant's key."""
    conflict = trying.administrator.execute(
        "select string_agg(quote_ident(a.attname), ', ') from pg_index i join pg_attribute a on a.attrelid = i.indrelid and a.attnum = any(i.indkey) "
        "where i.indrelid = %s::regclass and i.indisprimary",
        (trying.table.name,),
    ).fetchone()[0]
    theirs = next(row for row in trying.table.rows() if row not in (trying.tenant, Tenant(trying.tenant.zone_id, None)))
    row = trying.table.row(theirs) | {"zone_id": trying.tenant.zone_id, "org_id": trying.tenant.org_id}
    if trying.table.name == "organizations":
        row["org_id"] = theirs.org_id
    statement, values = trying.table.insert(row)
    upsert = sql.SQL("{} on conflict ({}) do update set changed_at = now()").format(statement, sql.SQL(conflict))
    outcome = trying.run(upsert, values=values)
    if outcome.error not in (*REFUSED, NOT_THERE):
        yield f"ON CONFLICT on {key_of(trying.table, theirs)} gave {outcome.error}"
    if outcome.others_changed:
        yield "overwrote others' rows"
    merge = sql.SQL("merge into {t} using (values (1)) as one (n) on true when matched then update set changed_at = now()").format(
        t=trying.id
    )
    if trying.run(merge).others_changed:
        yield "merged into others' rows"


def _refer(trying: Try) -> Iterator[str]:
    """A foreign key to another tenant's row must be refused as one to no row is: otherwise it tells which rows there are."""
    known = trying.known
    for column, target in trying.table.refers.items():
        theirs = [row for row in known[target].rows() if key_of(known[target], row) not in known[target].readable_by(trying.tenant)]
        answers = {}
        for what, key in (("another's", key_of(known[target], theirs[0])), ("nobody's", "no such row")):
            instead = {column: key} if column == trying.table.key else {column: key, trying.table.key: "forged"}
            statement, values = trying.table.insert(trying.table.row(trying.tenant, **instead))
            answers[what] = trying.run(statement, values=values).error
        if answers["another's"] != answers["nobody's"] and answers["another's"] != "23505":
            yield f"{column} tells of {target}: {answers}"
        if answers["another's"] is None:
            yield f"{column} took another's row of {target}"


def _statistics(trying: Try) -> Iterator[str]:
    outcome = trying.run("select tablename || '.' || attname from pg_stats where schemaname = 'public'")
    if outcome.rows:
        yield f"statistics quote values of {', '.join(key for (key,) in outcome.rows[:3])}"


def _truncate(trying: Try) -> Iterator[str]:
    if trying.run(sql.SQL("truncate {t} cascade").format(t=trying.id)).error not in REFUSED:
        yield "could be truncated"


def _without_row_security(trying: Try) -> Iterator[str]:
    if trying.run("set local row_security = off", sql.SQL("select * from {t}").format(t=trying.id)).error not in REFUSED:
        yield "answered with row_security off"


def _partition(part: str, trying: Try) -> Iterator[str]:
    for statement in (
        "select * from {}",
        "update {} set changed_at = now()",
        "delete from {}",
        "insert into {} default values",
        "copy {} to stdout",
    ):
        outcome = trying.run(sql.SQL(statement).format(sql.Identifier(part)))
        if outcome.error not in REFUSED:
            yield f"{statement.format(part)} gave {outcome.error}"


ATTACKS: dict[str, Callable[[Try], Iterator[str]]] = {
    "select": _reads("select {k} from {t}"),
    "select for update": lambda trying: trying.only_own(
        trying.run(sql.SQL("select {k} from {t} for update").format(t=trying.id, k=sql.Identifier(trying.table.key))),
        trying.table.written_by(trying.tenant),
    ),
    "a view": _reads("create temporary view seen as select * from {t}", "select {k} from seen"),
    "a join with itself": _reads("select coalesce(a.{k}, b.{k}) from {t} a full join {t} b on a.{k} = b.{k} and a.zone_id <> b.zone_id"),
    "a join with organizations": _reads("select {t}.{k} from {t} left join organizations o on {t}.org_id = o.org_id"),
    "a subquery": _reads("select (select x.{k}) from {t} x where exists (select from {t} y where y.{k} = x.{k})"),
    "a prepared statement": _reads("deallocate all", "prepare seen as select {k} from {t}", "execute seen"),
    "a function": _reads(
        "create function pg_temp.seen() returns setof {t} language sql security definer as 'select * from {t}'",
        "select {k} from pg_temp.seen()",
    ),
    "a function that listens": _listen,
    "COPY TO": _copy_out,
    "COPY FROM": _copy_in,
    "update": _change_all,
    "delete": _delete_all,
    "update of the tenant": _give_away,
    "insert": _insert_for_others,
    "upsert": _overwrite,
    "a foreign key": _refer,
    "statistics": _statistics,
    "truncate": _truncate,
    "row_security off": _without_row_security,
}

assert set(LOOKED_UP) == {"zones", "audit_log"}, "test_tenancy.py looks at these one by one"
