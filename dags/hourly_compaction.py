"""Merges the small files that `lakehouse ingest` leaves, as an Airflow DAG: readers stay fast, and so do commits."""

from lakehouse_verbs import compact, house_dag, in_seoul

# Twenty past: at the full hour everybody else's jobs begin.
with house_dag("hourly_compaction", doc=__doc__, tags=["housekeeping"], schedule=in_seoul("20 * * * *")):
    compact()
