"""Land and refine in Apache Beam: bus → sealed raw files → clean tables and dead letters.

command.py ─▶ land.py, refine.py (wiring) ─▶ pulling.py, sources.py ─▶ landing.py, steps.py (pure) ─▶ sinks.py
"""
