"""The HTTP front door.

    client ─▶ request.py: host, type, size, gzip ─▶ lakehouse.door: verdicts ─▶ gather.py: few milliseconds, one message
           ◀─ answers.py: 202, 207, 4xx, 503, 507 ◀────── durable ◀────── outbox.py: the bus, or the spool till it is back

app.py puts them together, command.py runs them.
"""
