"""Alembic's entry: the connection comes from source_database/migrating.py, and each revision is a transaction of its own."""

from alembic import context

connection = context.config.attributes["connection"]
if connection is not None:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
