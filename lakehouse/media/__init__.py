"""Media objects: recordings, clips and keypoints that events refer to by media_id, sealed in raw.

upload ─▶ writing.py: sealed chunk by chunk ─▶ raw/media/dt=…/<media_pid>-…  then its record (record.py)
event (media_id, user_id) ─▶ clean (media_id, user_pid) ─▶ privacy/media.py: record ─▶ plaintext, chunk by chunk
                                                       └─▶ checking.py: references without objects, and the other way round
"""
