"""`lakehouse demo`: one simulated day through the whole platform, for real, and its truth against the marts.

                         ┌─ Airflow starts meanwhile ─┐
    simulate ─▶ collect ─▶ bus ─▶ [land ─▶ refine ─▶ check ─▶ model ─▶ check] ─▶ [serve] ─▶ compare ─▶ the closing table
                                   daily_exam_processing          the Asset ──▶ feature_serving

Every stage is a command line that anyone can run; this package starts them, tells what happens, and counts.
"""

from simulator.demo.command import demo

__all__ = ["demo"]
