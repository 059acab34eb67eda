{{ config(**replaced_by_day('feature_at', 'learning', type='timestamp', cluster_by=['user_pid'])) }}

with skill_days as (
    select * from {{ ref('int_skill_days') }}
    where {{ on_days('responded_on', 'learning', before=29) }}
        and skill is not null
),

described as (
    select user_pid, skill, responded_on
    from skill_days
    where {{ on_days('responded_on', 'learning') }}
),

abilities as (
    select * from {{ ref('stg_ability_estimates') }}
    where {{ on_days('estimated_on', 'learning') }}
),

months as (
    select
        described.user_pid,
        described.skill,
        described.responded_on,
        {{ whole_sum('skill_days.response_count') }} as response_count_30d,
        {{ whole_sum('skill_days.correct_count') }} as correct_count_30d,
        {{ ratio('sum(skill_days.correct_count)', 'sum(skill_days.response_count)') }} as correct_ratio_30d,
        {{ ratio('sum(skill_days.response_time_total_ms)', 'sum(skill_days.response_count)') }} as mean_response_time_30d_ms
    from described
    inner join skill_days
        on described.user_pid = skill_days.user_pid
        and described.skill = skill_days.skill
        and skill_days.responded_on between {{ add_days('described.responded_on', -29) }} and described.responded_on
    group by described.user_pid, described.skill, described.responded_on
),

vectors as (
    select
        months.user_pid,
        months.skill,
        {{ end_of_business_day('months.responded_on') }} as feature_at,
        months.response_count_30d,
        months.correct_count_30d,
        months.correct_ratio_30d,
        months.mean_response_time_30d_ms,
        abilities.theta,
        abilities.standard_error
    from months
    left join abilities
        on months.user_pid = abilities.user_pid
        and months.skill = abilities.skill
        and months.responded_on = abilities.estimated_on
)

select * from vectors
