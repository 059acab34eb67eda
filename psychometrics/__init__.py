"""Item response theory: what answers say of items (calibration) and of students (ability).

    curated.fact_responses ─▶ responses.py ─▶ schedule.py: which days are to be worked out, anew or at all
                                  ├▶ calibrating.py ─▶ three_pl.py, linking.py ─▶ psychometrics.item_calibrations
                                  └▶ estimating.py ──▶ three_pl.py ─────────────▶ psychometrics.ability_estimates

Both tables are in the clean zone, and `lakehouse model` reads them from there like any other; docs/decisions/0012.
"""

WINDOW_DAYS = 30
"""Items are calibrated, and abilities estimated, from the answers of so many business days."""
CALIBRATE_EVERY_DAYS = 7
NEW_ITEM_SHARE = 0.01
"""Items are calibrated sooner where more than so much of a day's answers are to items without parameters."""
GROWTH = 2
"""And where there are so many times as many answers as the calibration before had: in the first weeks of a lake."""
OVERALL = "overall"
"""The skill that stands for all answers together."""
