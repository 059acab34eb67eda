"""Holds every reference to a clip or video against the objects in raw, as an Airflow DAG: what is amiss is known within a day."""

from lakehouse_verbs import check_media, house_dag, in_seoul

# After the day's work, which brings the references of the day into clean.
with house_dag("daily_media_check", doc=__doc__, tags=["housekeeping"], schedule=in_seoul("0 6 * * *")):
    check_media()
