"""Change data capture: every change of the source database on the bus within seconds, and a ledger that proves it.

    PostgreSQL ─ WAL ─▶ Debezium (engine.py, in a child process) ─▶ translate.py ─▶ publishing.py ─▶ bus: source.<table>
         ▲                                                                               └─▶ ledger.py
         └── supervisor.py: looks (source.py), judges (integrity.py), starts and restarts the child, watches the WAL

docs/decisions/0009-positions-and-floors.md says what a change means to those who read it.
"""
