"""The curated tables in PostgreSQL, where Metabase reads them, and where everyone sees what their level and zone allow.

warehouse ─▶ publish.py: curated_next, filled and fenced ─▶ renamed to curated in one step
contracts ─▶ lakehouse/privacy/access.py: what a table holds ─▶ who may see which columns and rows of it
             fence.py: levels, logins, their scopes and the hidden ─▶ roles, grants, policies
"""
