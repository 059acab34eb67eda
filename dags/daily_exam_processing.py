"""The day's work, as an Airflow DAG: what the sites have sent becomes facts and marts by the time people wake up.

Each stage starts where its predecessor left off, so a day that was missed, or a run that broke, is made good by the
next run. A closed gate stops what follows: marts keep yesterday's answer rather than show a wrong one.
"""

from lakehouse_verbs import calibrate, check, house_dag, in_seoul, land, model, model_calibrated, refine

with house_dag(
    "daily_exam_processing",
    doc=__doc__,
    tags=["exams", "daily"],
    # When the sites are quietest.
    schedule=in_seoul("0 3 * * *"),
):
    landed = land()
    refined = refine()
    clean_checked = check("clean")
    modelled = model()
    calibrated = calibrate()
    remodelled = model_calibrated()
    curated_checked = check("curated")

    landed >> refined >> clean_checked
    clean_checked >> modelled >> calibrated >> remodelled >> curated_checked
