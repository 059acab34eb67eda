{{ config(**replaced_by_day('activity_on', 'activity', cluster_by=['user_pid'], is_large=true)) }}

with activity as (
    select * from {{ ref('int_activity') }}
    where {{ on_days('activity_on', 'activity') }}
),

user_days as (
    select
        user_pid,
        activity_on,
        zone_id,
        count(*) as activity_count,
        {{ count_where("activity_type = 'web'") }} as web_event_count,
        {{ count_where("activity_type = 'web' and event_type = 'page_view'") }} as page_view_count,
        count(distinct case when activity_type = 'web' then session_id end) as session_count,
        {{ whole_sum("case when activity_type = 'web' and event_type = 'dwell' then dwell_ms end") }} as dwell_total_ms,
        {{ count_where("activity_type = 'web' and event_type = 'mission_complete'") }} as mission_count,
        {{ count_where("activity_type = 'web' and event_type = 'purchase'") }} as purchase_count,
        {{ count_where("activity_type = 'login'") }} as login_count,
        {{ count_where("activity_type = 'exam'") }} as exam_event_count,
        {{ count_where("activity_type = 'ai'") }} as ai_request_count
    from activity
    group by user_pid, activity_on, zone_id
)

select * from user_days
