"""From clean tables to marts: publish, say what changed, run dbt, remember.

clean (Delta) ─▶ publish.py ─▶ clean.* views ┐
              └▶ changes.py ─▶ clocks.py ────┴▶ run.py (dbt) ─▶ curated.*, features.*
                                   └── builds.py: planned before, built after, so that a killed build is made up for
"""
