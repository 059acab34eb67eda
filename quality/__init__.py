"""The quality gate: every contract's rules, asked of the tables themselves.

contracts ─▶ expectations ─▶ gate (Great Expectations on DuckDB) ─▶ results ─▶ monitoring.data_quality_checks, metrics
tables ────▶ measures ───────▶┘                                       └▶ exit code 20 where a critical check failed
"""
