"""What every table of tenants gets, so that no migration can forget a part of it.

    tenant_table(name, key)  ─▶ RLS (enabled and forced), policies, index (zone_id, org_id), changed_at, audit, grants, replica identity

A tenant is the pair (app.current_zone_id, app.current_org_id) of the session; where either is not set the comparison is
null, and nothing is visible. Rows without org_id are a zone's own (its exams): its tenants read them, and only a
session without org writes them.

REPLICA IDENTITY FULL on every captured table: a delete must still say whose row it was (zone_id, org_id, the subject) and
carry whatever its contract requires, and no primary key holds that; and an update must carry the wide texts that it did
not touch. Elsewhere the primary key is identity enough.
"""

from alembic import op

from lakehouse.source import APP, IMPORTER, REPLICATION

ZONE = "zone_id = nullif(current_setting('app.current_zone_id', true), '')"
_ORG = "nullif(current_setting('app.current_org_id', true), '')::integer"
MINE = f"{ZONE} and org_id = {_ORG}"
READABLE = f"{ZONE} and (org_id is null or org_id = {_ORG})"
_WRITABLE = f"{ZONE} and org_id is not distinct from {_ORG}"


def tenant_table(name: str, key: str, *, is_shared: bool = False, is_personal_key: bool = False, names_exam: bool = False) -> None:
    """`key`: the column that identifies a row; where it may name a person (`is_personal_key`) audit keeps its digest.

    `is_shared`: rows may lack org_id.  `names_exam`: exam_id must be an exam that the tenant can see, since the foreign
    key alone would take, and so tell of, another tenant's.
    """
    sees_exam = f" and exists (select from exams where exams.exam_id = {name}.exam_id)" if names_exam else ""
    enforce(name)
    if is_shared:
        op.execute(f"create policy {name}_read on {name} for select using ({READABLE})")
        op.execute(f"create policy {name}_add on {name} for insert with check ({_WRITABLE}{sees_exam})")
        op.execute(f"create policy {name}_change on {name} for update using ({_WRITABLE}) with check ({_WRITABLE}{sees_exam})")
        op.execute(f"create policy {name}_remove on {name} for delete using ({_WRITABLE})")
    else:
        op.execute(f"create policy {name}_tenant on {name} using ({MINE}) with check ({MINE}{sees_exam})")
    op.execute(f"create index {name}_tenant on {name} (zone_id, org_id)")
    op.execute(f"create trigger changed_at before update on {name} for each row execute function set_changed_at()")
    _audited(name, key, is_personal_key)
    op.execute(f"grant select, insert, update, delete on {name} to {APP}, {IMPORTER}")
    op.execute(f"grant select on {name} to {REPLICATION}")
    op.execute(f"alter table {name} replica identity full")


def enforce(name: str) -> None:
    """FORCE: the owner, too, is bound by policies unless the role may pass them."""
    op.execute(f"alter table {name} enable row level security")
    op.execute(f"alter table {name} force row level security")


def _audited(name: str, key: str, is_personal_key: bool) -> None:
    how = "digest" if is_personal_key else "plain"
    for verb, rows in (("insert", "new"), ("update", "new"), ("delete", "old")):
        op.execute(
            f"create trigger audit_{verb} after {verb} on {name} referencing {rows} table as changed "
            f"for each statement execute function write_audit('{key}', '{how}')"
        )
    op.execute(f"create trigger audit_truncate after truncate on {name} for each statement execute function write_audit('{key}', '{how}')")


def partitioned(name: str) -> None:
    """A default partition, so that no row is ever refused for its date; `lakehouse source partitions` makes the months."""
    op.execute(f"create table {name}_default partition of {name} default")
    op.execute(f"alter table {name}_default replica identity full")
    enforce(f"{name}_default")
