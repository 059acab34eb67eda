"""The other rights of a person, beside being forgotten: to see and take along, to have put right, to have left alone, to take back.

    gather.py    everything that every place holds of a person ─▶ archive.py: a ZIP ─▶ exports.py: sealed, until it expires
    rectify.py   the source's owner is told; what comes back by change data capture is compared, and is the evidence
    restrict.py  rows stay, and nobody reads, counts or learns from them until that is lifted

Where a person is, `lakehouse.copies` say (erasure/copies.py): what is handed over is what an erasure would go through.
"""
