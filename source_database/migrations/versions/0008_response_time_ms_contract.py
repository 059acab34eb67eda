"""responses.response_time is gone; response_time_ms is there in every row (contract)."""

from alembic import op

from source_database.expand import forbid_nulls, require_filled

revision = "0008"
down_revision = "0007"
takes_away = True


def upgrade() -> None:
    require_filled("response_time_ms")
    forbid_nulls("responses", "response_time_ms")
    op.execute("drop trigger response_time_ms_both on responses")
    op.execute("drop function response_time_ms_both()")
    op.execute("alter table responses drop column response_time")
