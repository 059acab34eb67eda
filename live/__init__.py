"""The live path: within seconds of acceptance an event counts in aggregates that teachers, parents and the tutor watch.

    bus ─ subscription `live` ─▶ counter ─ one atomic step a batch ─▶ Redis, a cell a partition and minute
                                    │                                    │  └ cells expire after an hour
                 raw of the last hour, where Redis lost it               ▼
                                           subscribers ◀─ WebSocket ─ server

What is counted stands in contracts/live/. Every figure is a sum, or a choice of the newest, over cells; so it does not
depend on the order or the repetition of deliveries. counting: fold.py, store.py, count.lua, counter.py, rebuild.py;
serving: rows.py, board.py, hub.py, session.py, app.py.
"""
