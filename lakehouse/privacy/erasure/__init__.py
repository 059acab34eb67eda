"""Forgetting a person in every copy, and proving it.

    close.py    at once: key and pseudonym destroyed, a tombstone set, what answers quickly emptied
    purge.py    later, many people together: every table, file and log rid of them
    prove.py    read back by key, and every byte scanned ─▶ receipt.py: signed, chained in the audit log

copies.py says what a place with copies of people must be able to do; the edges bring their own (`lakehouse.copies` in
pyproject.toml), so that what is erased follows from what is installed and from the contracts, and from no list.
"""
