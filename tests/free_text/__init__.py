"""Free text with known personal data, made up here, and how much of it the recognisers find.

lists.py, frames.py ──────────┐
                              ├─▶ labelled.py ─▶ measure.py ─▶ docs/privacy_text.md
held_out.py, held_out_frames.py ┘   texts, spans

Nothing here imports the recognisers but measure.py and the tests, and they import nothing from here: names, numbers,
formats and sentences come from lists of their own, and check digits are worked out a second time.
"""
