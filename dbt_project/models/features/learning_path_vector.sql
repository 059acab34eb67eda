{{ config(**replaced_by_day('feature_at', 'learning', type='timestamp', cluster_by=['user_pid'])) }}

with user_days as (
    select
        user_pid,
        responded_on,
        {{ whole_sum('response_count') }} as response_count,
        {{ whole_sum('correct_count') }} as correct_count
    from {{ ref('int_skill_days') }}
    where {{ on_days('responded_on', 'learning', before=29) }}
    group by user_pid, responded_on
),

described as (
    select user_pid, responded_on
    from user_days
    where {{ on_days('responded_on', 'learning') }}
),

months as (
    select
        described.user_pid,
        described.responded_on,
        count(*) as practice_day_count_30d,
        {{ ratio('sum(user_days.response_count)', 'count(*)') }} as responses_per_day_30d,
        {{ ratio('sum(user_days.correct_count)', 'sum(user_days.response_count)') }} as overall_correct_ratio_30d
    from described
    inner join user_days
        on described.user_pid = user_days.user_pid
        and user_days.responded_on between {{ add_days('described.responded_on', -29) }} and described.responded_on
    group by described.user_pid, described.responded_on
),

abilities as (
    select * from {{ ref('stg_ability_estimates') }}
    where {{ on_days('estimated_on', 'learning') }}
),

overall as (
    select * from abilities where skill = 'overall'
),

ranked as (
    select
        abilities.*,
        row_number() over (partition by user_pid, estimated_on order by theta, skill) as place
    from abilities
    where skill <> 'overall'
),

skills as (
    select
        user_pid,
        estimated_on,
        count(*) as practised_skill_count,
        max(theta) - min(theta) as ability_spread
    from ranked
    group by user_pid, estimated_on
),

weakest as (
    select * from ranked where place = 1
),

vectors as (
    select
        ---------- whom and when
        months.user_pid,
        {{ end_of_business_day('months.responded_on') }} as feature_at,

        ---------- where the student stands
        overall.theta as overall_theta,
        overall.standard_error as overall_error,
        coalesce(skills.practised_skill_count, 0) as practised_skill_count,
        weakest.skill as weakest_skill,
        weakest.theta as weakest_skill_theta,
        weakest.standard_error as weakest_skill_error,
        skills.ability_spread,

        ---------- what next, and at which pace so far
        weakest.theta as suggested_difficulty,
        months.practice_day_count_30d,
        months.responses_per_day_30d,
        months.overall_correct_ratio_30d
    from months
    left join overall on months.user_pid = overall.user_pid and months.responded_on = overall.estimated_on
    left join skills on months.user_pid = skills.user_pid and months.responded_on = skills.estimated_on
    left join weakest on months.user_pid = weakest.user_pid and months.responded_on = weakest.estimated_on
)

select * from vectors
