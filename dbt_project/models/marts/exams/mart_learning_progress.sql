{{ config(**replaced_by_day('occurred_on', 'sittings', cluster_by=['zone_id', 'skill'])) }}

with responses as (
    select * from {{ ref('fact_responses') }}
    where {{ on_days('occurred_on', 'sittings') }}
        and skill is not null
),

skill_days as (
    select
        zone_id,
        coalesce(org_id, 0) as org_id,
        skill,
        occurred_on,
        count(distinct user_pid) as learner_count,
        count(distinct item_id) as answered_item_count,
        count(*) as response_count,
        {{ count_where('is_correct') }} as correct_count,
        {{ ratio(count_where('is_correct'), 'count(*)') }} as correct_ratio,
        {{ ratio('sum(response_time_ms)', 'count(response_time_ms)') }} as mean_response_time_ms
    from responses
    group by 1, 2, 3, 4
)

select * from skill_days
