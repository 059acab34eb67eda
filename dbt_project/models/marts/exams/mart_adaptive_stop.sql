{{ config(**replaced_by_day('occurred_on', 'sittings', cluster_by=['exam_id'])) }}

-- The rule that adaptive exams end by: a standard error below 0.3, or 50 items (simulator/sittings.py keeps it).

with finished as (
    select
        exam_id,
        occurred_on,
        item_count,
        standard_error,
        coalesce(standard_error < 0.3, false) as is_sure,
        coalesce(item_count, response_count) >= 50 as is_long,
        coalesce(item_count, response_count) > 50 as is_too_long
    from {{ ref('fact_attempts') }}
    where {{ on_days('occurred_on', 'sittings') }}
        and attempt_status = 'finished'
),

exam_days as (
    select
        exam_id,
        occurred_on,
        count(*) as finished_count,
        {{ count_where('is_sure') }} as stopped_by_error_count,
        {{ count_where('is_long and not is_sure') }} as stopped_by_length_count,
        {{ count_where('not is_long and not is_sure') }} as stopped_by_neither_count,
        {{ count_where('is_too_long') }} as over_length_count,
        {{ ratio('sum(item_count)', 'count(item_count)') }} as mean_item_count,
        {{ exact_mean('standard_error') }} as mean_standard_error
    from finished
    group by exam_id, occurred_on
)

select * from exam_days
