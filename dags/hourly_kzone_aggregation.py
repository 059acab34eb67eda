"""K-Zone's hour, as an Airflow DAG: voice and motion takes become marts while their lessons are still going on.

The whole day's build at night replaces whatever this one left out. Only K-Zone's models are built, and only K-Zone's tables
are checked; a closed gate keeps the marts of the hour before.
"""

from lakehouse_verbs import KZONE, check, house_dag, in_seoul, land, model, refine

# Twenty to: compaction begins at twenty past, and the night's DAGs at the full hour.
with house_dag("hourly_kzone_aggregation", doc=__doc__, tags=["kzone", "hourly"], schedule=in_seoul("40 * * * *")):
    landed = land()
    refined = refine()
    clean_checked = check("clean", of=KZONE)
    modelled = model(of=KZONE)
    curated_checked = check("curated", of=KZONE)

    landed >> refined >> clean_checked
    clean_checked >> modelled >> curated_checked
