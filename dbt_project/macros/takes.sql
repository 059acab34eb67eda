{#
  A take of practice, voice or motion, from its events: begun, uploaded, and in the end scored, failed or discarded.

      {recording,clip}_{started,uploaded,scored,failed,discarded} ─▶ one row a take, each step as its newest event tells it
#}

{# CTEs `events` and `steps`: the events of the takes that this build replaces, and where each stands among those of its step. #}
{% macro steps_of_takes(take_events, clock) %}
events as (
    select
        *,
        case
            {%- for outcome in ('started', 'uploaded', 'scored', 'failed', 'discarded') %}
            when event_type in ('recording_{{ outcome }}', 'clip_{{ outcome }}') then '{{ outcome }}'
            {%- endfor %}
        end as outcome
    from {{ take_events }}
    where {{ on_days('filed_on', clock) }}
        and {{ on_days('occurred_on', clock, after=1) }}
),

steps as (
    select
        *,
        case when outcome in ('started', 'uploaded') then outcome else 'ended' end as step
    from events
),

ranked as (
    select
        *,
        row_number() over (partition by practice_id order by occurred_at, event_id) as place,
        row_number() over (partition by practice_id, step order by occurred_at desc, event_id desc) as place_from_end
    from steps
)
{% endmacro %}

{# What the newest event of a step says: 'started', 'uploaded' or 'ended'. Inside `group by practice_id`. #}
{% macro told_when(step, column) -%}
  max(case when step = '{{ step }}' and place_from_end = 1 then {{ column }} end)
{%- endmacro %}

{# What the first event of a take says. #}
{% macro told_first(column) -%}
  max(case when place = 1 then {{ column }} end)
{%- endmacro %}

{# Where a take stands. #}
{% macro take_status() -%}
  coalesce({{ told_when('ended', 'outcome') }}, {{ told_when('uploaded', 'outcome') }}, 'started')
{%- endmacro %}

{# How many takes, of how many people, and how they ended. #}
{% macro take_counts() -%}
  count(*) as take_count,
        count(distinct user_pid) as learner_count,
        {{ count_where("take_status = 'scored'") }} as scored_take_count,
        {{ count_where("take_status = 'failed'") }} as failed_take_count,
        {{ count_where("take_status = 'discarded'") }} as discarded_take_count,
        {{ whole_sum('duration_ms') }} as duration_total_ms
{%- endmacro %}
