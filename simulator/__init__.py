"""MegaCity, simulated: what happens in it, sent through the front door, and what is true of it.

City ─▶ day by day, slice by slice ─┬─▶ requests ─▶ collector (HTTP)     ─▶ the platform ─▶ marts ─┐
(people, exams, items)              ├─▶ snapshot envelopes ─▶ bus                                  ├─▶ compare
                                    └─▶ ledger ─▶ truth, from the simulator's own knowledge ───────┘
"""
