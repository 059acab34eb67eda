{{ config(materialized='view') }}

-- Everything that counts as a user being active, one row an event: whatever they do on a site, signing in, exams and AI.

with web as (
    select user_pid, zone_id, occurred_on as activity_on, 'web' as activity_type, event_type, session_id, dwell_ms
    from {{ ref('stg_behaviour_events') }}
    where user_pid is not null
),

logins as (
    select user_pid, zone_id, occurred_on as activity_on, 'login' as activity_type, event_type, session_id, null as dwell_ms
    from {{ ref('stg_login_events') }}
    where user_pid is not null and event_type = 'login_succeeded'
),

exams as (
    select user_pid, zone_id, occurred_on as activity_on, 'exam' as activity_type, event_type, session_id, null as dwell_ms
    from {{ ref('stg_exam_events') }}
    where user_pid is not null
),

ai as (
    select user_pid, zone_id, occurred_on as activity_on, 'ai' as activity_type, event_type, session_id, null as dwell_ms
    from {{ ref('stg_ai_usage_events') }}
    where user_pid is not null
),

activity as (
    select * from web
    union all
    select * from logins
    union all
    select * from exams
    union all
    select * from ai
)

select * from activity
