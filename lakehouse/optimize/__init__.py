"""Keeping what is stored small, few and well ordered, while others read and write it; every figure is kept.

tables.py     clean: compaction, order inside a day, tiers by age, vacuum, the log
warehouse.py  DuckDB: statistics, and a new file where the old one is full of holes
figures.py    before and after ─▶ monitoring.storage_optimizations, and a table on the screen
"""
