"""MegaCity's source database, as the platform needs it: PostgreSQL with tenants kept apart, partitions, and a publication for CDC.

server.py runs a real PostgreSQL on a laptop; migrations/ holds the schema.
"""
