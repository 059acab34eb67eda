{{ config(**replaced_by_day('feature_at', 'activity', after=6, type='timestamp', cluster_by=['user_pid'])) }}

with user_days as (
    select
        user_pid,
        activity_on,
        {{ whole_sum('activity_count') }} as activity_count,
        {{ whole_sum('session_count') }} as session_count,
        {{ whole_sum('dwell_total_ms') }} as dwell_total_ms,
        {{ whole_sum('mission_count') }} as mission_count,
        {{ whole_sum('purchase_count') }} as purchase_count,
        {{ whole_sum('login_count') }} as login_count,
        {{ whole_sum('exam_event_count') }} as exam_event_count,
        {{ whole_sum('ai_request_count') }} as ai_request_count
    from {{ ref('fact_user_engagement') }}
    where {{ on_days('activity_on', 'activity', before=6, after=6) }}
    group by user_pid, activity_on
),

described as (
    select user_pid, activity_on
    from user_days
    where {{ on_days('activity_on', 'activity', after=6) }}
),

weeks as (
    select
        described.user_pid,
        {{ end_of_business_day('described.activity_on') }} as feature_at,
        count(*) as active_day_count_7d,
        {{ whole_sum('user_days.activity_count') }} as activity_count_7d,
        {{ whole_sum('user_days.session_count') }} as session_count_7d,
        {{ whole_sum('user_days.dwell_total_ms') }} as dwell_total_7d_ms,
        {{ whole_sum('user_days.mission_count') }} as mission_count_7d,
        {{ whole_sum('user_days.purchase_count') }} as purchase_count_7d,
        {{ whole_sum('user_days.login_count') }} as login_count_7d,
        {{ whole_sum('user_days.exam_event_count') }} as exam_event_count_7d,
        {{ whole_sum('user_days.ai_request_count') }} as ai_request_count_7d
    from described
    inner join user_days
        on described.user_pid = user_days.user_pid
        and user_days.activity_on between {{ add_days('described.activity_on', -6) }} and described.activity_on
    group by described.user_pid, described.activity_on
)

select * from weeks
