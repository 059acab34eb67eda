"""Real history through the front door: any CSV of past attempts becomes events, by a declarative mapping.

FILE.csv + MAPPING.yaml ─▶ rows ─▶ fields ─▶ event ─▶ door (the same verdicts as by HTTP) ─▶ bus
                             └─────────┴──────────────┴─▶ skipped or rejected: counted, with line and reason
"""
