"""Uploads of media objects, beside the events that refer to them.

    PUT  /v1/media/{media_id} ─▶ asking.py: who, what, whose, how large ─▶ receiving.py: sniffed, digested, sealed as it comes
    POST /v1/media            ─▶ tickets.py: a URL that somebody without a key may PUT to, for a while

app.py puts them together, and the collector of events hands it what is below /v1/media. Nothing is ever kept in clear.
"""
