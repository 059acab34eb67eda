"""Removes what is kept for longer than its term, as an Airflow DAG, proves it, and signs what it did."""

from lakehouse_verbs import house_dag, in_seoul, retain

# After the day's work and the check of media, and before the schools open: it takes the warehouse for moments.
with house_dag("daily_retention", doc=__doc__, tags=["privacy"], schedule=in_seoul("30 6 * * *")):
    retain()
