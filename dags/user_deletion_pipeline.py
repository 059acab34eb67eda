"""Answers what people asked about their data, as an Airflow DAG: takes requests up, sees what was put right, works figures out without
whoever is to be left alone, removes everybody who is to be forgotten together, proves it, and tells which requests come close to their
term."""

from lakehouse_verbs import check_deadlines, erase, house_dag, in_seoul

# Twice an hour: who is closed within seconds of asking (`lakehouse privacy watch`) waits here for the purge alone, and a run without
# requests costs a look into the register.
with house_dag("user_deletion_pipeline", doc=__doc__, tags=["privacy"], schedule=in_seoul("15,45 * * * *")):
    erase() >> check_deadlines()
