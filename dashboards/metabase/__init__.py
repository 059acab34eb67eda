"""The same dashboards in Metabase: by its API (provisioning.py), or as files of its own format (files.py).

definitions ─▶ shapes.py: displays, settings, filter, grid ─┬─▶ provisioning.py ─▶ REST, with a Metabase's own numbers
                                                            └─▶ files.py ─▶ a tree of YAML with names that last
"""
