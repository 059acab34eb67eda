"""Brings features online, as an Airflow DAG: it starts when the checked curated zone is published, not by the clock."""

from lakehouse_verbs import CURATED, house_dag, serve

with house_dag("feature_serving", doc=__doc__, tags=["features"], schedule=[CURATED]):
    serve()
