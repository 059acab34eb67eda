"""Makes the source database's months ahead, as an Airflow DAG: a row never waits in a default partition for its month.

Paused until somebody turns it on: it is for the platform that looks after its own source (LAKEHOUSE_SOURCE_URL).
"""

from lakehouse_verbs import house_dag, in_seoul, make_source_partitions

with house_dag(
    "daily_source_partitions",
    doc=__doc__,
    tags=["housekeeping"],
    schedule=in_seoul("0 2 * * *"),
    is_paused_upon_creation=True,
):
    make_source_partitions()
