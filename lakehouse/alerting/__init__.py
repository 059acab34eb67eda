"""Telling people: a task failed, a run is late or stuck. Airflow calls, Slack and PagerDuty hear.

dags/slos.yaml ─▶ slos.py ┐
Airflow's context ────────┴▶ callbacks.py ─▶ alert.py (what is said) ─▶ sending.py (to whom, and never for long)
"""
