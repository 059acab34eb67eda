{#
  What takes a while, sittings and takes, is filed under the business day of its first event, with all that belongs to it.

      staging ─▶ filed_by_first_day ─▶ key → day ─┬▶ events_filed ─▶ facts
                                                  └▶ the next build's clock: the days that a late event moves things from

  The clock holds the days with new events, and the days that the things of these events were filed under before
  (lakehouse/model/clocks.py). Nothing that is filed lasts more than a day.
#}

{# One row a thing: its key, and the day of its first event. #}
{% macro filed_by_first_day(staging, key, clock) %}
with events as (
    select {{ key }}, occurred_on
    from {{ staging }}
    where {{ on_days('occurred_on', clock) }}
        and {{ key }} is not null
),

firsts as (
    select
        {{ key }},
        min(occurred_on) as occurred_on
    from events
    group by {{ key }}
),

filed as (
    select
        {{ key }},
        occurred_on
    from firsts
    {%- if is_incremental() %}
    -- what is filed under a day which this build leaves alone has begun on that day
    where not exists (
        select 1
        from {{ this }} as kept
        where kept.{{ key }} = firsts.{{ key }}
            and not ({{ on_days('kept.occurred_on', clock) }})
    )
    {%- endif %}
)

select * from filed
{% endmacro %}

{# The events of what is filed: those of its day and of the next one, the day as `filed_on`. What a client sends under the same
   key later is left out. #}
{% macro events_filed(staging, filed, key) %}
with filed as (
    select * from {{ filed }}
),

events as (
    select * from {{ staging }}
),

events_filed as (
    select
        events.*,
        filed.occurred_on as filed_on
    from events
    inner join filed on events.{{ key }} = filed.{{ key }}
    where events.occurred_on between filed.occurred_on and {{ add_days('filed.occurred_on', 1) }}
)

select * from events_filed
{% endmacro %}
