{{ config(**replaced_by_day('occurred_on', 'ai_usage_events', cluster_by=['zone_id', 'model_name'])) }}

with calls as (
    select * from {{ ref('fact_ai_usage') }}
    where {{ on_days('occurred_on', 'ai_usage_events') }}
),

model_days as (
    select
        zone_id,
        occurred_on,
        model_name,
        count(*) as request_count,
        {{ count_where('is_failed') }} as failed_count,
        {{ whole_sum('case when not is_failed then input_tokens end') }} as input_tokens_total,
        {{ whole_sum('case when not is_failed then output_tokens end') }} as output_tokens_total,
        cast(coalesce(sum(cost_usd), 0) as {{ decimal_type() }}) as cost_total_usd,
        {{ ratio('sum(case when not is_failed then latency_ms end)', count_where('not is_failed')) }} as mean_latency_ms
    from calls
    group by zone_id, occurred_on, model_name
)

select * from model_days
