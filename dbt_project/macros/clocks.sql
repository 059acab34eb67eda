{#
  Clocks: which days a build must replace.

      lakehouse model ─▶ the plan of build 7 = {exam_events: [days], sittings: [days], activity: [days], …}
                                            │
      days('sittings', after=1) ────────────┘  a list of ISO days; none means all of them

  A clock is a list of business days that a kind of row lives on. One of each clean table (by its name), and some that
  are made of them, such as `sittings` (days that attempts are filed under), `activity` (days on which users did something),
  `learning` (days whose last thirty days of answers, or whose abilities, are new) and `cohorts` (first days of users). lakehouse/model/clocks.py computes them, and lakehouse/model/builds.py writes them down in
  the warehouse, where they are read while models run: as a var they would make dbt parse the whole project for every build.
  Var `clocks` hands them over without a plan: in unit tests, and for BigQuery, which takes them while it parses.
#}

{% macro planned_clocks() %}
  {%- if var('clocks', none) is not none -%}{{ return(var('clocks')) }}{%- endif -%}
  {%- if not execute or not env_var('LAKEHOUSE_MODEL_BUILD', '') -%}{{ return(none) }}{%- endif -%}
  {%- set sql = 'select clocks from monitoring._model_builds where build_number = ' ~ env_var('LAKEHOUSE_MODEL_BUILD') -%}
  {%- set plan = run_query(sql).rows[0][0] -%}
  {{ return(fromjson(plan) if plan else none) }}
{% endmacro %}

{% macro days(clock, before=0, after=0) %}
  {%- if not is_incremental() -%}{{ return(none) }}{%- endif -%}
  {{ return(clock_days(clock, before, after)) }}
{% endmacro %}

{# The same without asking whether the model is built incrementally: for config(), which dbt reads before it knows. #}
{% macro clock_days(clock, before=0, after=0) %}
  {%- set clocks = planned_clocks() -%}
  {%- if clocks is none or clocks[clock] is not defined -%}{{ return(none) }}{%- endif -%}
  {%- set found = [] -%}
  {%- for day in clocks[clock] -%}
    {%- set here = modules.datetime.datetime.strptime(day, '%Y-%m-%d') -%}
    {%- for step in range(-before, after + 1) -%}
      {%- do found.append((here + modules.datetime.timedelta(days=step)).strftime('%Y-%m-%d')) -%}
    {%- endfor -%}
  {%- endfor -%}
  {{ return(found | unique | sort) }}
{% endmacro %}

{# A condition: `column` is one of these days. `list` as days() returns it. #}
{% macro is_one_of(column, list) -%}
  {%- if list is none -%} {{ any_day(column) }}
  {%- elif list | length == 0 -%} false
  {%- else -%} {{ column }} in ({% for day in list %}date '{{ day }}'{{ ', ' if not loop.last }}{% endfor %})
  {%- endif -%}
{%- endmacro %}

{# `select … where {{ on_days('occurred_on', 'sittings', after=1) }}` #}
{% macro on_days(column, clock, before=0, after=0) -%}
  {{ is_one_of(column, days(clock, before, after)) }}
{%- endmacro %}

{# is_incremental() that also answers without a warehouse, so that both forms of a model can be compiled offline: which one,
   tests/dbt/compiling.py says. #}
{% macro is_incremental() %}
  {%- set offline_mode = env_var('LAKEHOUSE_DBT_OFFLINE_MODE', '') if execute else '' -%}
  {%- if offline_mode -%}
    {{ return(offline_mode == 'incremental' and model.config.materialized == 'incremental') }}
  {%- endif -%}
  {#- a unit test that gives no rows of `this` has no `this` -#}
  {{ return(this is not none and dbt.is_incremental()) }}
{% endmacro %}
