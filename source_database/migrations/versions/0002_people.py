"""Tenants and their people: who they are, what they agreed to, what they paid.

A foreign key looks past row-level security. So keys between tenants' rows carry org_id: another tenant's row is as
unknown as one that does not exist.
"""

from alembic import op

from source_database.migrations.tenancy import tenant_table

revision = "0002"
down_revision = "0001"

_TENANT = "zone_id text not null, org_id integer not null, changed_at timestamptz not null default now()"
_PERSON = "foreign key (org_id, user_id) references users (org_id, user_id)"


def upgrade() -> None:
    op.execute(f"""
        create table organizations (
          {_TENANT},
          org_name text not null,
          org_type text not null check (org_type in ('school', 'academy', 'institution')),
          country_code text,
          created_at timestamptz not null default now(),
          primary key (org_id),
          foreign key (zone_id) references zones (zone_id)
        )
    """)
    tenant_table("organizations", "org_id")
    op.execute(f"""
        create table users (
          {_TENANT},
          user_id text not null,
          role text not null check (role in ('student', 'parent', 'teacher', 'tutor', 'org_admin', 'zone_admin', 'sys_admin')),
          email text,
          full_name text,
          phone text,
          birth_on date,
          country_code text,
          signed_up_at timestamptz not null default now(),
          primary key (user_id),
          unique (org_id, user_id),
          foreign key (org_id) references organizations (org_id)
        )
    """)
    tenant_table("users", "user_id", is_personal_key=True)
    op.execute(f"""
        create table teachers (
          {_TENANT},
          user_id text not null,
          skill text,
          joined_on date not null,
          primary key (user_id),
          {_PERSON}
        )
    """)
    tenant_table("teachers", "user_id", is_personal_key=True)
    op.execute(f"""
        create table classes (
          {_TENANT},
          class_id text not null,
          user_id text not null,
          class_name text,
          created_at timestamptz not null default now(),
          primary key (class_id),
          unique (org_id, class_id),
          {_PERSON}
        )
    """)
    tenant_table("classes", "class_id")
    op.execute(f"""
        create table students (
          {_TENANT},
          user_id text not null,
          class_id text,
          joined_on date not null,
          primary key (user_id),
          {_PERSON},
          foreign key (org_id, class_id) references classes (org_id, class_id)
        )
    """)
    tenant_table("students", "user_id", is_personal_key=True)
    op.execute(f"""
        create table parent_student_links (
          {_TENANT},
          link_id text not null,
          user_id text not null,
          student_user_id text not null,
          created_at timestamptz not null default now(),
          primary key (link_id),
          unique (org_id, user_id, student_user_id),
          {_PERSON},
          foreign key (org_id, student_user_id) references users (org_id, user_id)
        )
    """)
    tenant_table("parent_student_links", "link_id")
    op.execute(f"""
        create table user_consents (
          {_TENANT},
          consent_id text not null,
          user_id text not null,
          consent_purpose text not null,
          is_granted boolean not null,
          policy_version text not null,
          decided_at timestamptz not null default now(),
          primary key (consent_id),
          {_PERSON}
        )
    """)
    tenant_table("user_consents", "consent_id")
    op.execute(f"""
        create table payments (
          {_TENANT},
          payment_id text not null,
          user_id text not null,
          product_id text not null,
          price_amount numeric(18, 6) not null check (price_amount >= 0),
          price_currency text not null check (price_currency ~ '^[A-Z]{{3}}$'),
          payment_status text not null check (payment_status in ('pending', 'paid', 'failed', 'refunded')),
          created_at timestamptz not null default now(),
          paid_at timestamptz,
          primary key (payment_id),
          {_PERSON}
        )
    """)
    tenant_table("payments", "payment_id")
    for table in ("user_consents", "payments"):
        op.execute(f"create index {table}_person on {table} (org_id, user_id)")
