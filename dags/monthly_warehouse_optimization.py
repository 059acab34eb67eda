"""Lays storage out anew, as an Airflow DAG: days in the order they are asked for, old ones smaller, a warehouse without holes."""

from lakehouse_verbs import house_dag, in_seoul, optimize

# The first of the month after the day's work and the media check; the checked marts of the night are not touched by it.
with house_dag("monthly_warehouse_optimization", doc=__doc__, tags=["housekeeping"], schedule=in_seoul("0 7 1 * *")):
    optimize()
