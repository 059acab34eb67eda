"""Lineage, told by the runs themselves as OpenLineage events: what was read, what was written, when, and how it ended.

Airflow's tasks ─▶ datasets.py says what a command reads and writes ─▶ Airflow's provider emits    ┐
dbt's models    ─▶ models.py reads manifest and results             ─▶ events.py emits             ┴▶ file or endpoint
"""

NAMESPACE = "lakehouse"
"""Of every job and every dataset of ours: a dataset has one name, whoever speaks of it."""
