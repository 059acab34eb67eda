"""The tables of the integrity ledger (ledger.py), once: one row an epoch, a generation, a batch, a table, a count, an alert."""

import sqlalchemy as sa

METADATA = sa.MetaData()
SECRET = sa.Table("secret", METADATA, sa.Column("only", sa.Integer, primary_key=True), sa.Column("key", sa.LargeBinary, nullable=False))
EPOCH = sa.Table(
    "epoch",
    METADATA,
    sa.Column("epoch", sa.Integer, primary_key=True),
    sa.Column("system_identifier", sa.Text, nullable=False),
    sa.Column("timeline", sa.Integer, nullable=False),
    sa.Column("slot", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("began_at", sa.Text, nullable=False),
)
GENERATION = sa.Table(
    "generation",
    METADATA,
    sa.Column("generation", sa.Integer, primary_key=True),
    sa.Column("epoch", sa.Integer, nullable=False),
    sa.Column("floor_lsn", sa.Integer, nullable=False),
    sa.Column("slot_lsn", sa.Integer),  # where the slot of this generation began: its creation's identity
    sa.Column("tables", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("started_at", sa.Text, nullable=False),
    sa.Column("completed_at", sa.Text),
)
PROGRESS = sa.Table(
    "progress",
    METADATA,
    sa.Column("only", sa.Integer, primary_key=True),
    sa.Column("seen_lsn", sa.Integer, nullable=False),
    sa.Column("published_lsn", sa.Integer, nullable=False),
    sa.Column("at", sa.Float, nullable=False),
)
BATCH = sa.Table(
    "batch",
    METADATA,
    sa.Column("number", sa.Integer, primary_key=True),
    sa.Column("generation", sa.Integer, nullable=False),
    sa.Column("first_lsn", sa.Integer, nullable=False),
    sa.Column("last_lsn", sa.Integer, nullable=False),
    sa.Column("rows", sa.Integer, nullable=False),
    sa.Column("content", sa.LargeBinary, nullable=False),
    sa.Column("digest", sa.LargeBinary, nullable=False),
)
TABLE_STATE = sa.Table(
    "table_state", METADATA, sa.Column("table", sa.Text, primary_key=True), sa.Column("last_lsn", sa.Integer, nullable=False),
    sa.Column("epoch", sa.Integer, nullable=False), sa.Column("at", sa.Float, nullable=False),
)  # fmt: skip
ROW_COUNT = sa.Table(
    "row_count",
    METADATA,
    *(sa.Column(n, t, primary_key=True) for n, t in (("epoch", sa.Integer), ("table", sa.Text), ("zone_id", sa.Text), ("org_id", sa.Integer), ("op", sa.Text))),
    sa.Column("rows", sa.Integer, nullable=False),
)  # fmt: skip
DRIFT = sa.Table(
    "drift", METADATA, sa.Column("table", sa.Text, primary_key=True), sa.Column("column", sa.Text, primary_key=True),
    sa.Column("first_at", sa.Text, nullable=False), sa.Column("rows", sa.Integer, nullable=False),
)  # fmt: skip
ALERT = sa.Table(
    "alert", METADATA, sa.Column("alert", sa.Integer, primary_key=True), sa.Column("at", sa.Text, nullable=False),
    sa.Column("kind", sa.Text, nullable=False), sa.Column("detail", sa.Text, nullable=False), sa.Column("acknowledged_at", sa.Text),
)  # fmt: skip
WISH = sa.Table("wish", METADATA, sa.Column("only", sa.Integer, primary_key=True), sa.Column("reason", sa.Text, nullable=False))
