"""The curated tables in PostgreSQL, where Metabase reads them, and where everyone sees what their level and zone allow.

warehouse ─▶ publish.py: curated_next, filled and fenced ─▶ renamed to curated in one step
contracts ─▶ levels.py: what a table holds ─▶ who may see which columns and rows of it
             fence.py: levels, logins and their scopes ─▶ roles, grants, policies
"""
