{{ config(**replaced_by_day('activity_on', 'activity', after=29, cluster_by=['zone_id'])) }}

-- A day's activity moves the weekly and monthly numbers of the 29 days after it, and reads those of the 29 before.

with user_days as (
    select * from {{ ref('fact_user_engagement') }}
    where {{ on_days('activity_on', 'activity', before=29, after=29) }}
),

zone_users as (
    select zone_id, activity_on, user_pid, activity_count from user_days
    union all
    select 'all' as zone_id, activity_on, user_pid, {{ whole_sum('activity_count') }} as activity_count
    from user_days
    group by activity_on, user_pid
),

zone_days as (
    select
        zone_id,
        activity_on,
        count(*) as dau,
        {{ whole_sum('activity_count') }} as activity_count
    from zone_users
    where {{ on_days('activity_on', 'activity', after=29) }}
    group by zone_id, activity_on
),

windows as (
    select
        zone_days.zone_id,
        zone_days.activity_on,
        count(distinct case when zone_users.activity_on >= {{ add_days('zone_days.activity_on', -6) }} then zone_users.user_pid end) as wau,
        count(distinct zone_users.user_pid) as mau
    from zone_days
    inner join zone_users
        on zone_days.zone_id = zone_users.zone_id
        and zone_users.activity_on between {{ add_days('zone_days.activity_on', -29) }} and zone_days.activity_on
    group by zone_days.zone_id, zone_days.activity_on
),

daily_activity as (
    select
        zone_days.zone_id,
        zone_days.activity_on,
        zone_days.dau,
        windows.wau,
        windows.mau,
        zone_days.activity_count
    from zone_days
    inner join windows on zone_days.zone_id = windows.zone_id and zone_days.activity_on = windows.activity_on
)

select * from daily_activity
