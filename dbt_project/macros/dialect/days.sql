{# Days and instants. A business day is one of Asia/Seoul, UTC+9 all year; refine gives it to every row, as `dt`. #}

{# The instant at which a business day ends: its midnight in Seoul is 15:00 UTC of the same date. #}
{% macro end_of_business_day(day) -%}{{ adapter.dispatch('end_of_business_day', 'megacity')(day) }}{%- endmacro %}
{% macro duckdb__end_of_business_day(day) -%}(cast({{ day }} as timestamp) + interval 15 hour) at time zone 'UTC'{%- endmacro %}
{% macro bigquery__end_of_business_day(day) -%}timestamp_add(timestamp({{ day }}), interval 15 hour){%- endmacro %}

{# The date of an instant in UTC. #}
{% macro utc_day(instant) -%}{{ adapter.dispatch('utc_day', 'megacity')(instant) }}{%- endmacro %}
{% macro duckdb__utc_day(instant) -%}cast({{ instant }} at time zone 'UTC' as date){%- endmacro %}
{% macro bigquery__utc_day(instant) -%}date({{ instant }}, 'UTC'){%- endmacro %}

{% macro add_days(day, count) -%}{{ adapter.dispatch('add_days', 'megacity')(day, count) }}{%- endmacro %}
{% macro duckdb__add_days(day, count) -%}({{ day }} + {{ count }}){%- endmacro %}
{% macro bigquery__add_days(day, count) -%}date_add({{ day }}, interval {{ count }} day){%- endmacro %}

{# Whole days from one date to another; negative where `until` is earlier. #}
{% macro days_between(since, until) -%}{{ adapter.dispatch('days_between', 'megacity')(since, until) }}{%- endmacro %}
{% macro duckdb__days_between(since, until) -%}date_diff('day', {{ since }}, {{ until }}){%- endmacro %}
{% macro bigquery__days_between(since, until) -%}date_diff({{ until }}, {{ since }}, day){%- endmacro %}

{# 1 Monday to 7 Sunday. `extract(dayofweek …)` counts from Sunday = 0 on DuckDB and from Sunday = 1 on BigQuery. #}
{% macro weekday_number(day) -%}{{ adapter.dispatch('weekday_number', 'megacity')(day) }}{%- endmacro %}
{% macro duckdb__weekday_number(day) -%}isodow({{ day }}){%- endmacro %}
{% macro bigquery__weekday_number(day) -%}(mod(extract(dayofweek from {{ day }}) + 5, 7) + 1){%- endmacro %}

{% macro iso_week(day) -%}{{ adapter.dispatch('iso_week', 'megacity')(day) }}{%- endmacro %}
{% macro duckdb__iso_week(day) -%}weekofyear({{ day }}){%- endmacro %}
{% macro bigquery__iso_week(day) -%}extract(isoweek from {{ day }}){%- endmacro %}

{# A relation of one column, `calendar_on`: every date from the first to the last. #}
{% macro calendar(first, last) -%}{{ adapter.dispatch('calendar', 'megacity')(first, last) }}{%- endmacro %}
{% macro duckdb__calendar(first, last) -%}
  (select cast(unnest(range(date '{{ first }}', date '{{ last }}' + interval 1 day, interval 1 day)) as date) as calendar_on)
{%- endmacro %}
{% macro bigquery__calendar(first, last) -%}
  (select calendar_on from unnest(generate_date_array(date '{{ first }}', date '{{ last }}')) as calendar_on)
{%- endmacro %}

{# The business day of an instant, where no clean row says it: the date in Seoul. #}
{% macro business_day(instant) -%}{{ adapter.dispatch('business_day', 'megacity')(instant) }}{%- endmacro %}
{% macro duckdb__business_day(instant) -%}cast({{ instant }} at time zone 'Asia/Seoul' as date){%- endmacro %}
{% macro bigquery__business_day(instant) -%}date({{ instant }}, 'Asia/Seoul'){%- endmacro %}

{# The first instant of the hour that an instant lies in. #}
{% macro hour_of(instant) -%}{{ adapter.dispatch('hour_of', 'megacity')(instant) }}{%- endmacro %}
{% macro duckdb__hour_of(instant) -%}(date_trunc('hour', {{ instant }} at time zone 'UTC') at time zone 'UTC'){%- endmacro %}
{% macro bigquery__hour_of(instant) -%}timestamp_trunc({{ instant }}, hour){%- endmacro %}

{# A condition that holds on every day. BigQuery wants the partition named where a large table is read, whichever days are meant. #}
{% macro any_day(column) %}{{ return(adapter.dispatch('any_day', 'megacity')(column)) }}{% endmacro %}
{% macro duckdb__any_day(column) %}{{ return('true') }}{% endmacro %}
{% macro bigquery__any_day(column) %}{{ return(column ~ " >= date '1970-01-01'") }}{% endmacro %}
