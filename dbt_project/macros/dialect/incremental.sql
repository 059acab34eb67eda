{#
  The two ways in which an incremental model changes its table.

  replaced_by_day   whole days of a clock are thrown away and written anew; a day that has become empty is emptied
  replaced_by_key   rows are replaced by their key, for tables of one row a thing

      {{ config(**replaced_by_day('occurred_on', 'sittings')) }}

  `is_large`: BigQuery refuses a query of the table that names no days (require_partition_filter), as a whole scan of it costs money.
  `day` says to macros/touched.sql which rows a build has touched, so that tests need look at no others.
#}

{% macro replaced_by_day(column, clock, before=0, after=0, type='date', cluster_by=[], is_large=false) %}
  {%- set day = {'column': column, 'clock': clock, 'before': before, 'after': after, 'type': type} -%}
  {{ return(adapter.dispatch('replaced_by_day', 'megacity')(day, clock_days(clock, before, after), cluster_by, is_large)) }}
{% endmacro %}

{% macro duckdb__replaced_by_day(day, days, cluster_by, is_large) %}
  {{ return({'materialized': 'incremental', 'incremental_strategy': 'replace_days', 'meta': {'day': day}}) }}
{% endmacro %}

{% macro bigquery__replaced_by_day(day, days, cluster_by, is_large) %}
  {%- set partitions = [] -%}
  {#- of a clock without days dbt would ask the new rows, by a script: a day that nothing is of says that there are none -#}
  {%- for one in (['1970-01-01'] if days == [] else days or []) -%}{%- do partitions.append(day.type ~ "('" ~ one ~ "')") -%}{%- endfor -%}
  {{ return({
    'materialized': 'incremental', 'incremental_strategy': 'insert_overwrite', 'meta': {'day': day},
    'partition_by': {'field': day.column, 'data_type': day.type, 'granularity': 'day'},
    'partitions': partitions or none, 'cluster_by': cluster_by or none, 'require_partition_filter': is_large,
  }) }}
{% endmacro %}

{# DuckDB's side of insert_overwrite: one transaction throws the days away and writes them anew. #}
{% macro get_incremental_replace_days_sql(arguments) %}
  {%- set day = config.get('meta')['day'] -%}
  {%- set columns = get_quoted_csv(arguments['dest_columns'] | map(attribute='name')) -%}
  delete from {{ arguments['target_relation'] }}
  where {{ is_one_of(utc_day(day.column) if day.type == 'timestamp' else day.column, clock_days(day.clock, day.before, day.after)) }};

  insert into {{ arguments['target_relation'] }} ({{ columns }})
  select {{ columns }} from {{ arguments['temp_relation'] }}
{% endmacro %}

{% macro replaced_by_key(key) %}
  {{ return(adapter.dispatch('replaced_by_key', 'megacity')(key)) }}
{% endmacro %}

{% macro duckdb__replaced_by_key(key) %}
  {{ return({'materialized': 'incremental', 'incremental_strategy': 'delete+insert', 'unique_key': key}) }}
{% endmacro %}

{% macro bigquery__replaced_by_key(key) %}
  {{ return({'materialized': 'incremental', 'incremental_strategy': 'merge', 'unique_key': key, 'cluster_by': [key]}) }}
{% endmacro %}
