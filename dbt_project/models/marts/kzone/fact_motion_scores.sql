{{ config(**replaced_by_day('occurred_on', 'motion_takes', cluster_by=['zone_id'])) }}

with takes as (
    select * from {{ ref('fact_motion_analysis') }}
    where {{ on_days('occurred_on', 'motion_takes') }}
),

hours as (
    select
        zone_id,
        {{ hour_of('started_at') }} as hour_at,
        occurred_on,
        {{ take_counts() }},
        {{ exact_mean('similarity_score') }} as mean_similarity_score
    from takes
    group by 1, 2, 3
)

select * from hours
