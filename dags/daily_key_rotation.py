"""Rotates the vault's keys when they are 90 days old, as an Airflow DAG, and tells where that did not happen."""

from lakehouse_verbs import check_keys, house_dag, in_seoul, rotate_keys

# In the morning: after a rotation somebody must back up the vault and its key together.
with house_dag("daily_key_rotation", doc=__doc__, tags=["privacy"], schedule=in_seoul("0 9 * * *")):
    rotate_keys() >> check_keys()
