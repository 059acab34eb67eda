{{ config(**replaced_by_day('occurred_on', 'answers', cluster_by=['zone_id', 'model_name'])) }}

-- Clock `answers` holds the days with calls of models, and those that changed takes are filed under. A take that was thrown away,
-- or waits for its score, has asked no model yet that anybody could judge.
{%- set takes = [('voice', ref('fact_voice_analysis'), 'accuracy_score'), ('motion', ref('fact_motion_analysis'), 'similarity_score')] %}
{%- set group = 'zone_id, occurred_on, ai_purpose, model_name' %}
{%- set measured = 'partition by ' ~ group ~ ', latency_ms is null and score is null' %}

with answers as (
    select
        zone_id,
        occurred_on,
        ai_feature as ai_purpose,
        model_name,
        is_failed,
        failure_reason,
        case when not is_failed then latency_ms end as latency_ms,
        cast(null as {{ float_type() }}) as score
    from {{ ref('fact_ai_usage') }}
    where {{ on_days('occurred_on', 'answers') }}
    {%- for kind, fact, score in takes %}
    union all
    select
        zone_id,
        occurred_on,
        '{{ kind }}_scoring' as ai_purpose,
        coalesce(model_name, 'none') as model_name,
        take_status = 'failed' as is_failed,
        failure_reason,
        cast(null as {{ integer_type() }}) as latency_ms,
        case when take_status = 'scored' then {{ score }} end as score
    from {{ fact }}
    where {{ on_days('occurred_on', 'answers') }}
        and take_status in ('scored', 'failed')
    {%- endfor %}
),

-- What answered has a latency or a score, never both: one order serves the percentiles of the two. What failed stands apart.
placed as (
    select
        answers.*,
        row_number() over ({{ measured }} order by latency_ms, score) as place,
        count(*) over ({{ measured }}) as measured_count
    from answers
),

model_days as (
    select
        zone_id,
        occurred_on,
        ai_purpose,
        model_name,
        count(*) as request_count,
        {{ count_where('is_failed') }} as failed_count,
        {{ ratio(count_where('is_failed'), 'count(*)') }} as ai_failed_ratio,
        {%- for reason in ['timeout', 'refused', 'overloaded', 'unusable_recording'] %}
        {{ count_where("is_failed and failure_reason = '" ~ reason ~ "'") }} as {{ reason }}_count,
        {%- endfor %}
        {{ percentile('latency_ms', 50, 'place', 'measured_count') }} as p50_latency_ms,
        {{ percentile('latency_ms', 95, 'place', 'measured_count') }} as p95_latency_ms,
        {{ percentile('score', 10, 'place', 'measured_count') }} as p10_score,
        {{ percentile('score', 50, 'place', 'measured_count') }} as p50_score,
        {{ percentile('score', 90, 'place', 'measured_count') }} as p90_score
    from placed
    group by {{ group }}
)

select * from model_days
