"""Brings features online, and copies them to other regions where there are any, as an Airflow DAG. It starts when
the checked curated zone is published, not by the clock."""

from lakehouse_verbs import CURATED, house_dag, replicate, serve

with house_dag("feature_serving", doc=__doc__, tags=["features"], schedule=[CURATED]):
    serve() >> replicate()
