{{ config(**replaced_by_day('occurred_on', 'voice_takes', cluster_by=['zone_id'])) }}

with takes as (
    select * from {{ ref('fact_voice_analysis') }}
    where {{ on_days('occurred_on', 'voice_takes') }}
),

hours as (
    select
        zone_id,
        {{ hour_of('started_at') }} as hour_at,
        occurred_on,
        {{ take_counts() }},
        {{ exact_mean('accuracy_score') }} as mean_accuracy_score,
        {{ exact_mean('prosody_score') }} as mean_prosody_score
    from takes
    group by 1, 2, 3
)

select * from hours
