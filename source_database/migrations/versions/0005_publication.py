"""What change data capture reads. Changes of a month are published under the name of their table.

zones is a file of the contracts; audit_log stays where it is written. Both are published nowhere.
"""

from alembic import op

from lakehouse.source import PUBLICATION

revision = "0005"
down_revision = "0004"

CAPTURED = (
    "organizations", "users", "students", "teachers", "classes", "parent_student_links", "user_consents", "payments",
    "exams", "items", "exam_sessions", "attempts", "responses", "kzone_contents", "kzone_ai_results", "ai_requests",
)  # fmt: skip


def upgrade() -> None:
    op.execute(f"create publication {PUBLICATION} for table {', '.join(CAPTURED)} with (publish_via_partition_root = true)")
    # The months that are written to now; `lakehouse source partitions` makes those ahead.
    op.execute("select make_partitions(current_date, current_date)")
