{{ config(**replaced_by_day('responded_on', 'sittings', after=1, cluster_by=['user_pid'])) }}

-- What each student answered of each skill on a day, so that a window of thirty days reads sums instead of answers. A day's
-- answers are of sittings that began on it or the day before.

with responses as (
    select * from {{ ref('fact_responses') }}
    where {{ on_days('occurred_on', 'sittings', before=1, after=1) }}
        and {{ on_days('responded_on', 'sittings', after=1) }}
),

skill_days as (
    select
        user_pid,
        skill,
        responded_on,
        count(*) as response_count,
        {{ count_where('is_correct') }} as correct_count,
        {{ whole_sum('response_time_ms') }} as response_time_total_ms
    from responses
    group by user_pid, skill, responded_on
)

select * from skill_days
