{{ config(**replaced_by_day('cohort_on', 'cohorts')) }}

-- Clock `cohorts` holds the 30 days before each day with activity, and the days that users' cohorts were moved from.

with members as (
    select
        user_pid,
        first_activity_on as cohort_on
    from {{ ref('int_user_activity') }}
    where {{ on_days('first_activity_on', 'cohorts') }}
),

sizes as (
    select
        cohort_on,
        count(*) as cohort_size
    from members
    group by cohort_on
),

active_days as (
    select distinct user_pid, activity_on
    from {{ ref('fact_user_engagement') }}
    where {{ on_days('activity_on', 'cohorts', after=30) }}
),

returns as (
    select
        members.cohort_on,
        {{ days_between('members.cohort_on', 'active_days.activity_on') }} as day_number,
        count(*) as retained_users
    from members
    inner join active_days
        on members.user_pid = active_days.user_pid
        and active_days.activity_on between members.cohort_on and {{ add_days('members.cohort_on', 30) }}
    group by 1, 2
),

retention as (
    select
        returns.cohort_on,
        returns.day_number,
        sizes.cohort_size,
        returns.retained_users,
        {{ ratio('returns.retained_users', 'sizes.cohort_size') }} as retention_ratio
    from returns
    inner join sizes on returns.cohort_on = sizes.cohort_on
)

select * from retention
