{{ config(**replaced_by_day('occurred_on', 'sittings', cluster_by=['exam_id'])) }}

with attempts as (
    select * from {{ ref('fact_attempts') }}
    where {{ on_days('occurred_on', 'sittings') }}
),

exam_days as (
    select
        exam_id,
        occurred_on,
        count(*) as attempt_count,
        {{ count_where("attempt_status = 'finished'") }} as finished_count,
        {{ exact_mean('score') }} as mean_score,
        {{ exact_mean('theta') }} as mean_theta,
        {{ ratio('sum(time_spent_ms)', 'count(time_spent_ms)') }} as mean_time_spent_ms,
        {{ whole_sum('response_count') }} as response_count,
        {{ whole_sum('correct_count') }} as correct_count,
        {{ ratio('sum(correct_count)', 'sum(response_count)') }} as correct_ratio
    from attempts
    group by exam_id, occurred_on
)

select * from exam_days
