"""What creators publish, what models find in clips, and what models were asked. Results are kept by month."""

from alembic import op

from source_database.migrations.tenancy import partitioned, tenant_table

revision = "0004"
down_revision = "0003"

_TENANT = "zone_id text not null, org_id integer not null, changed_at timestamptz not null default now()"


def upgrade() -> None:
    op.execute(f"""
        create table kzone_contents (
          {_TENANT},
          content_id text not null,
          user_id text not null,
          content_type text not null check (content_type in ('video', 'song', 'choreography', 'lesson', 'article')),
          content_title text,
          duration_ms bigint,
          created_at timestamptz not null default now(),
          published_at timestamptz,
          primary key (content_id),
          foreign key (org_id, user_id) references users (org_id, user_id)
        )
    """)
    tenant_table("kzone_contents", "content_id")
    op.execute(f"""
        create table kzone_ai_results (
          {_TENANT},
          ai_result_id text not null,
          content_id text,
          user_id text not null,
          ai_result_type text not null check (ai_result_type in ('voice', 'motion')),
          accuracy_score double precision,
          similarity_score double precision,
          transcript_text text,
          model_name text not null,
          latency_ms bigint,
          created_at timestamptz not null default now(),
          primary key (ai_result_id, created_at)
        ) partition by range (created_at)
    """)
    partitioned("kzone_ai_results")
    tenant_table("kzone_ai_results", "ai_result_id")
    op.execute(f"""
        create table ai_requests (
          {_TENANT},
          ai_request_id text not null,
          user_id text not null,
          ai_feature text not null,
          model_name text not null,
          input_tokens bigint,
          output_tokens bigint,
          cost_usd numeric(18, 6),
          latency_ms bigint,
          prompt_text text,
          created_at timestamptz not null default now(),
          primary key (ai_request_id)
        )
    """)
    tenant_table("ai_requests", "ai_request_id")
