"""What comes late lands where it would have been, and what stood in its place is gone: rows, and what the marts must say of them.

Days, people and exams are other ones than the small town's, so that both can live in one lake.
"""

from clean_rows import exam, login, seoul, source, web

ON_TIME = [
    # a sitting that began before midnight; its start is still on its way
    exam(
        "response_given",
        "2025-11-10 00:20",
        attempt_id="midnight",
        exam_id="exam-m",
        user_pid="mina",
        response_index=2,
        is_correct=False,
    ),
    exam("attempt_finished", "2025-11-10 00:40", attempt_id="midnight", exam_id="exam-m", user_pid="mina", score=80.0),
    # an attempt id that a client will turn out to have used a week before
    exam("attempt_started", "2025-11-12 09:00", attempt_id="reused", exam_id="exam-r", user_pid="ravi"),
    # a place answered twice: the first answer is on its way
    exam("attempt_started", "2025-11-13 09:00", attempt_id="twice", user_pid="tia"),
    exam("response_given", "2025-11-13 09:05", attempt_id="twice", user_pid="tia", is_correct=True),
    # a user whose first day will turn out to be another
    login("login_succeeded", "2025-11-14 08:00", user_pid="lee"),
    # days whose numbers reach far back
    login("login_succeeded", "2025-03-30 08:00", user_pid="may"),
    exam("response_given", "2025-05-30 09:00", attempt_id="skilled", user_pid="sky", is_correct=True),
    login("login_succeeded", "2025-07-07 09:00", user_pid="wes"),
    # a source row that was changed after it was deleted, by the clock of its arrival
    source("exams", "2025-11-10 01:00", exam_id="exam-gone", source_lsn=7, op="d", exam_title="Gone"),
    source("exams", "2025-11-10 01:00", exam_id="exam-m", source_lsn=7, exam_title="New title"),
]

LATE = [
    exam("attempt_started", "2025-11-09 23:50", attempt_id="midnight", exam_id="exam-m", user_pid="mina", device_type="phone"),
    exam("response_given", "2025-11-09 23:55", attempt_id="midnight", exam_id="exam-m", user_pid="mina", is_correct=True),
    exam(
        "attempt_finished",
        "2025-11-05 10:00",
        attempt_id="reused",
        exam_id="exam-r",
        user_pid="ravi",
        score=30.0,
        started_at=seoul("2025-11-05 09:00"),
    ),
    exam("response_given", "2025-11-13 09:04", attempt_id="twice", user_pid="tia", is_correct=False),
    web("page_view", "2025-09-01 12:00", user_pid="lee"),
    # so long before what is there already that only a number over many days moves, and just so
    web("page_view", "2025-03-01 12:00", user_pid="mo"),
    exam("response_given", "2025-05-01 09:00", attempt_id="old", user_pid="sky", is_correct=False),
    login("login_succeeded", "2025-07-01 09:00", user_pid="wes"),
    source("exams", "2025-11-11 01:00", exam_id="exam-gone", source_lsn=3, op="u", exam_title="Back again"),
    source("exams", "2025-11-11 01:00", exam_id="exam-m", source_lsn=3, exam_title="Old title"),
]

ASKED = [
    (
        "a late start moves the sitting to the day before, with everything that belongs to it",
        "select occurred_on::text, started_at::text, attempt_status, score, device_type, response_count, correct_count "
        "from curated.fact_attempts where attempt_id = 'midnight'",
        [("2025-11-09", "2025-11-09 14:50:00+00", "finished", 80.0, "phone", 2, 1)],
    ),
    (
        "and the day that it was filed under is empty",
        "select exam_id, occurred_on::text, attempt_count from curated.mart_exam_performance where exam_id = 'exam-m'",
        [("exam-m", "2025-11-09", 1)],
    ),
    (
        "its responses are filed with it, and know the day on which they were given",
        "select response_index, occurred_on::text, responded_on::text from curated.fact_responses where attempt_id = 'midnight' order by 1",
        [(1, "2025-11-09", "2025-11-09"), (2, "2025-11-09", "2025-11-10")],
    ),
    (
        "an attempt id used on two far days is one attempt, of the first; an end without a start tells both",
        "select occurred_on::text, started_at::text, attempt_status, score, response_count from curated.fact_attempts where attempt_id = 'reused'",
        [("2025-11-05", "2025-11-05 00:00:00+00", "finished", 30.0, 0)],
    ),
    (
        "the first answer stands",
        "select is_correct from curated.fact_responses where attempt_id = 'twice'",
        [(False,)],
    ),
    (
        "a first day that moved leaves no cohort behind",
        "select cohort_on::text, day_number, cohort_size, retained_users from curated.mart_retention "
        "where cohort_on in ('2025-09-01', '2025-11-14')",
        [("2025-09-01", 0, 1, 1)],
    ),
    (
        "a monthly number counts the late user of 29 days before, and a weekly one does not",
        "select dau, wau, mau from curated.mart_daily_activity where zone_id = 'univprep' and activity_on = '2025-03-30'",
        [(1, 1, 2)],
    ),
    (
        "a skill counts the late answer of 29 days before",
        "select response_count_30d, correct_count_30d from features.student_skill_vector "
        "where user_pid = 'sky' and feature_at = '2025-05-30 15:00:00+00'",
        [(2, 1)],
    ),
    (
        "engagement counts the late sign-in of six days before",
        "select active_day_count_7d, login_count_7d from features.engagement_vector "
        "where user_pid = 'wes' and feature_at = '2025-07-07 15:00:00+00'",
        [(2, 2)],
    ),
    (
        "a deleted row stays deleted, and an older change does not undo a newer one",
        "select exam_id, is_catalogued, exam_title from curated.dim_exam where exam_id in ('exam-gone', 'exam-m')",
        [("exam-m", True, "New title")],
    ),
]  # fmt: skip
"""What it shows, the query, and the answer once both have come."""
