"""The ground: functions that tables stand on, the audit log, and the sites."""

from alembic import op

from lakehouse.source import APP, IMPORTER
from source_database.migrations.tenancy import READABLE, ZONE, enforce

revision = "0001"
down_revision = None

# A change knows when it happened: by the application's own clock where it says so, by ours where it does not.
SET_CHANGED_AT = """
create function set_changed_at() returns trigger language plpgsql as $$
begin
  if new.changed_at is not distinct from old.changed_at then
    new.changed_at := clock_timestamp();
  end if;
  return new;
end $$
"""

# One statement writes one batch of rows, whatever it changed. The key of a person is kept as its digest: who looks for a
# known account finds it, and the log names nobody.
WRITE_AUDIT = """
create function write_audit() returns trigger language plpgsql security definer set search_path = public, pg_temp as $$
declare
  row_key text := case tg_argv[1] when 'digest' then format('encode(sha256(convert_to(%I, ''UTF8'')), ''hex'')', tg_argv[0])
                                  else format('%I::text', tg_argv[0]) end;
  actor text := nullif(current_setting('app.current_user_id', true), '');
  actor_digest text := encode(sha256(convert_to(actor, 'UTF8')), 'hex');
begin
  if tg_op = 'TRUNCATE' then
    insert into audit_log (actor_role, actor_digest, action, table_name) values (session_user, actor_digest, 'truncate', tg_table_name);
  else
    execute format('insert into audit_log (zone_id, org_id, actor_role, actor_digest, action, table_name, row_key)
                    select zone_id, org_id, $1, $2, $3, $4, %s from changed', row_key)
      using session_user, actor_digest, lower(tg_op), tg_table_name;
  end if;
  return null;
end $$
"""

REFUSE_CHANGE = """
create function refuse_change() returns trigger language plpgsql as $$
begin
  raise exception 'audit_log is append-only' using errcode = 'insufficient_privilege';
end $$
"""

# Of a partitioned table, the months from `since` up to and including `until`; returns those that were not there before.
# A month is made beside its table and attached, which does not keep writers of the other months waiting. Rows of it that
# the default partition holds go into it: the default is detached meanwhile, so that a reader of the publication sees them
# written again, and never deleted.
MAKE_PARTITIONS = """
create function make_partitions(since date, until date) returns table (partition_name text, moved_rows bigint)
language plpgsql security definer set search_path = public, pg_temp set timezone = 'UTC' set lock_timeout = '2s' as $$
declare
  parent record;
  month timestamptz;
begin
  perform pg_advisory_xact_lock(7267002);
  for parent in
    select c.relname as name, a.attname as key, c.relreplident = 'f' as is_full
    from pg_partitioned_table p
    join pg_class c on c.oid = p.partrelid and c.relnamespace = 'public'::regnamespace
    join pg_attribute a on a.attrelid = c.oid and a.attnum = p.partattrs[0]
    order by 1
  loop
    for month in select generate_series(date_trunc('month', since::timestamptz), date_trunc('month', until::timestamptz), interval '1 month') loop
      partition_name := format('%s_%s', parent.name, to_char(month, 'YYYY_MM'));
      continue when to_regclass(format('public.%I', partition_name)) is not null;
      execute format('create table %I (like %I including all excluding identity)', partition_name, parent.name);
      execute format('alter table %I enable row level security', partition_name);
      execute format('alter table %I force row level security', partition_name);
      if parent.is_full then
        execute format('alter table %I replica identity full', partition_name);
      end if;
      execute format('select count(*) from %I where %I >= $1 and %I < $2', parent.name || '_default', parent.key, parent.key)
        into moved_rows using month, month + interval '1 month';
      if moved_rows > 0 then
        execute format('lock table %I in access exclusive mode', parent.name);
        execute format('alter table %I detach partition %I', parent.name, parent.name || '_default');
      end if;
      execute format('alter table %I attach partition %I for values from (%L) to (%L)', parent.name, partition_name, month, month + interval '1 month');
      if moved_rows > 0 then
        execute format('insert into %I overriding system value select * from %I where %I >= $1 and %I < $2', parent.name, parent.name || '_default', parent.key, parent.key)
          using month, month + interval '1 month';
        get diagnostics moved_rows = row_count;
        execute format('delete from %I where %I >= $1 and %I < $2', parent.name || '_default', parent.key, parent.key) using month, month + interval '1 month';
        execute format('alter table %I attach partition %I default', parent.name, parent.name || '_default');
      end if;
      return next;
    end loop;
  end loop;
end $$
"""


def upgrade() -> None:
    op.execute(SET_CHANGED_AT)
    op.execute(REFUSE_CHANGE)
    op.execute("""
        create table audit_log (
          audit_id bigint generated always as identity,
          changed_at timestamptz not null default clock_timestamp(),
          actor_role text not null,
          actor_digest text,
          action text not null check (action in ('insert', 'update', 'delete', 'truncate')),
          table_name text not null,
          row_key text,
          zone_id text,
          org_id integer,
          primary key (audit_id, changed_at)
        ) partition by range (changed_at)
    """)
    op.execute("create table audit_log_default partition of audit_log default")
    op.execute("create index audit_log_tenant on audit_log (zone_id, org_id)")
    op.execute("create index audit_log_row on audit_log (table_name, row_key)")
    op.execute("create trigger append_only before update or delete on audit_log for each row execute function refuse_change()")
    op.execute("create trigger append_only_truncate before truncate on audit_log for each statement execute function refuse_change()")
    enforce("audit_log")
    enforce("audit_log_default")
    op.execute(f"create policy audit_log_read on audit_log for select using ({READABLE})")
    op.execute(f"grant select on audit_log to {APP}")
    op.execute(WRITE_AUDIT)
    op.execute(MAKE_PARTITIONS)
    op.execute("revoke all on function write_audit(), make_partitions(date, date), refuse_change() from public")
    op.execute(f"grant execute on function make_partitions(date, date) to {IMPORTER}")

    op.execute("create table zones (zone_id text primary key, zone_code integer, zone_name text not null, site_host text not null unique)")
    enforce("zones")
    op.execute(f"create policy zones_own on zones for select using ({ZONE})")
    op.execute(f"grant select on zones to {APP}, {IMPORTER}")
