"""An index from an exam to its attempts: without it, deleting an exam reads every attempt there is."""

from source_database.expand import index_concurrently

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    index_concurrently("attempts_exam", "attempts", "exam_id")
