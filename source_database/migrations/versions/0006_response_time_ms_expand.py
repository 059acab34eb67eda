"""responses.response_time_ms beside response_time: a name that carries its unit (expand).

Whoever writes either of them has written both, so that programs of before and of after work side by side. The rows that
are there already are filled by `lakehouse source backfill`; 0008 takes the old column away.
"""

from alembic import op

revision = "0006"
down_revision = "0005"

KEEP_BOTH = """
create function response_time_ms_both() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    new.response_time_ms := coalesce(new.response_time_ms, round(new.response_time * 1000)::bigint);
    new.response_time := coalesce(new.response_time, new.response_time_ms / 1000.0);
  elsif new.response_time_ms is distinct from old.response_time_ms then
    new.response_time := new.response_time_ms / 1000.0;
  elsif new.response_time is distinct from old.response_time then
    new.response_time_ms := round(new.response_time * 1000)::bigint;
  end if;
  return new;
end $$
"""


def upgrade() -> None:
    op.execute("create schema if not exists migration")
    op.execute("""
        create table migration.backfills (
          backfill_name text,
          partition_name text,
          last_key text,
          row_count bigint not null,
          primary key (backfill_name, partition_name)
        )
    """)
    op.execute("alter table responses add column response_time_ms bigint")
    op.execute(KEEP_BOTH)
    op.execute(
        "create trigger response_time_ms_both before insert or update on responses for each row execute function response_time_ms_both()"
    )
