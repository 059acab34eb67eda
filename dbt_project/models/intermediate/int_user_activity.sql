{{ config(**replaced_by_key('user_pid')) }}

-- When each user was first and last active, in any zone. Days are only ever added to, so a build extends what is there.

with user_days as (
    select user_pid, activity_on
    from {{ ref('fact_user_engagement') }}
    where {{ on_days('activity_on', 'activity') }}
),

found as (
    select
        user_pid,
        min(activity_on) as first_activity_on,
        max(activity_on) as last_activity_on
    from user_days
    group by user_pid
),

user_activity as (
    select
        found.user_pid,
        {%- if is_incremental() %}
        least(found.first_activity_on, coalesce(kept.first_activity_on, found.first_activity_on)) as first_activity_on,
        greatest(found.last_activity_on, coalesce(kept.last_activity_on, found.last_activity_on)) as last_activity_on
        {%- else %}
        found.first_activity_on,
        found.last_activity_on
        {%- endif %}
    from found
    {%- if is_incremental() %}
    left join {{ this }} as kept on found.user_pid = kept.user_pid
    {%- endif %}
)

select * from user_activity
