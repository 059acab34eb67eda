"""The day's work, as an Airflow DAG: what the sites have sent becomes facts and marts by the time people wake up.

Each stage starts where its predecessor left off, so a day that was missed, or a run that broke, is made good by the
next run. A closed gate stops what follows: marts keep yesterday's answer rather than show a wrong one.
"""

from datetime import timedelta

from airflow.sdk import CronTriggerTimetable
from lakehouse_verbs import check, house_dag, land, model, refine

with house_dag(
    "daily_exam_processing",
    doc=__doc__,
    tags=["exams", "daily"],
    # 03:00 in Seoul, when the sites are quietest. Zero: a DAG that is new at 03:30 waits for tomorrow.
    schedule=CronTriggerTimetable("0 3 * * *", timezone="Asia/Seoul", run_immediately=timedelta(0)),
):
    landed = land()
    refined = refine()
    clean_checked = check("clean")
    modelled = model()
    curated_checked = check("curated")

    landed >> refined >> clean_checked
    clean_checked >> modelled >> curated_checked
