"""The proof of forgetting, played for real: known people in every copy, some erased while traffic runs, every way back tried.

cast.py       who is erased, who stays, who goes on sending      attempts.py   every way in which somebody could come back
traffic.py    events meanwhile                                   table.py      places × rows before, after, bytes scanned, hits
"""
