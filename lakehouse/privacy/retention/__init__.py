"""Nothing is kept for longer than its term, and nothing that is held goes.

rules.py      contracts, classification ─▶ one table: what, where, how many days, counted from when
holds.py      what must not go, whatever its age, and why: by contract, zone, tenant or person
sealed.py     raw, dead letters, media objects, keys of days      ┐
tables.py     clean, the warehouse                                ├─▶ each looks for what is due, and removes it
records.py    logs, lineage, what tasks left, the audit log       │
disclosed.py  entries of disclosures to third parties             ┘
run.py        every rule ─▶ removed ─▶ looked at again ─▶ signed report, audit record
"""
