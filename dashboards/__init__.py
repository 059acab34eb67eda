"""What people look at: six dashboards, written once in definitions/, and brought to where they are read.

                                          ┌─▶ report_command.py   one HTML page out of the local warehouse
definitions/*.yaml ─▶ definitions.py ─────┼─▶ asking.py           every card's answer, held to its definition
        ▲                                 ├─▶ metabase/           the same in Metabase, by its API and as its files
contracts/: words, units, grain           └─▶ exposures.py        the same in dbt's lineage
                                marts ─────▶ publishing/          PostgreSQL, where everyone sees what their level allows
"""
