"""Exams and what becomes of them. Attempts and responses are kept by month.

Exams and items without org_id are their zone's, for all its tenants. The primary key of a partitioned table holds the
partition's column, too; ids are unique by how they are made. responses has no foreign key to attempts, so that a month
of one can be dropped without the other, and none to users, which attempts has.
"""

from alembic import op

from source_database.migrations.tenancy import partitioned, tenant_table

revision = "0003"
down_revision = "0002"

_CHANGED = "changed_at timestamptz not null default now()"
_TENANT = f"zone_id text not null, org_id integer not null, {_CHANGED}"
_SHARED = f"zone_id text not null, org_id integer, {_CHANGED}"


def upgrade() -> None:
    op.execute(f"""
        create table exams (
          {_SHARED},
          exam_id text not null,
          exam_title text not null,
          exam_type text not null check (exam_type in ('practice', 'mock', 'placement', 'final', 'coursework')),
          item_count integer,
          time_limit_ms integer,
          published_at timestamptz,
          primary key (exam_id),
          foreign key (zone_id) references zones (zone_id),
          foreign key (org_id) references organizations (org_id)
        )
    """)
    tenant_table("exams", "exam_id", is_shared=True)
    op.execute(f"""
        create table items (
          {_SHARED},
          item_id text not null,
          exam_id text not null references exams (exam_id),
          skill text not null,
          item_discrimination double precision,
          item_difficulty double precision,
          item_guessing double precision,
          primary key (item_id)
        )
    """)
    op.execute("create index items_exam on items (exam_id)")
    tenant_table("items", "item_id", is_shared=True, names_exam=True)
    op.execute(f"""
        create table exam_sessions (
          {_TENANT},
          exam_session_id text not null,
          exam_id text not null references exams (exam_id),
          class_id text,
          opens_at timestamptz not null,
          closes_at timestamptz not null,
          primary key (exam_session_id),
          foreign key (org_id, class_id) references classes (org_id, class_id),
          check (closes_at > opens_at)
        )
    """)
    tenant_table("exam_sessions", "exam_session_id", names_exam=True)
    op.execute(f"""
        create table attempts (
          {_TENANT},
          attempt_id text not null,
          exam_id text not null references exams (exam_id),
          user_id text not null,
          attempt_status text not null check (attempt_status in ('started', 'finished', 'abandoned')),
          started_at timestamptz not null,
          finished_at timestamptz,
          score double precision,
          theta double precision,
          standard_error double precision,
          time_spent_ms bigint,
          primary key (attempt_id, started_at),
          foreign key (org_id, user_id) references users (org_id, user_id)
        ) partition by range (started_at)
    """)
    partitioned("attempts")
    op.execute("create index attempts_person on attempts (org_id, user_id, started_at)")
    tenant_table("attempts", "attempt_id", names_exam=True)
    op.execute(f"""
        create table responses (
          {_TENANT},
          response_id text not null,
          attempt_id text not null,
          item_id text not null,
          user_id text not null,
          response_index integer not null,
          is_correct boolean not null,
          response_time double precision not null,
          responded_at timestamptz not null,
          answer_text text,
          primary key (response_id, responded_at)
        ) partition by range (responded_at)
    """)
    partitioned("responses")
    op.execute("create index responses_attempt on responses (attempt_id)")
    tenant_table("responses", "response_id")
