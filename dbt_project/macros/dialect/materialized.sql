{#
  A plain aggregate of one fact, which the engine keeps up to date by itself where it can.

      BigQuery   a materialized view, partitioned like the fact: only partitions that changed are aggregated again, and a query
                 is answered from it and from what came since
      DuckDB     has none: the days of the clock are replaced, as in any other mart

      {{ config(**kept_up_to_date('occurred_on', 'ai_usage_events')) }}

  BigQuery's rules for such a view are docs/decisions/0014-materialized-views.md's; tests/dbt/test_bigquery.py holds the SQL to them.
  dbt enforces no contract on one, and BigQuery lets nobody describe its columns after the fact: both are said here, so that
  neither is believed to be there. Its columns and types are held to the contract by tests, its rows by the contract's own test.
#}
{% macro kept_up_to_date(column, clock, cluster_by=[]) %}
  {{ return(adapter.dispatch('kept_up_to_date', 'megacity')(column, clock, cluster_by)) }}
{% endmacro %}

{% macro duckdb__kept_up_to_date(column, clock, cluster_by) %}
  {{ return(replaced_by_day(column, clock)) }}
{% endmacro %}

{% macro bigquery__kept_up_to_date(column, clock, cluster_by) %}
  {{ return({
    'materialized': 'materialized_view',
    'meta': {'day': {'column': column, 'clock': clock, 'before': 0, 'after': 0, 'type': 'date'}},
    'partition_by': {'field': column, 'data_type': 'date', 'granularity': 'day'}, 'cluster_by': cluster_by or none,
    'contract': {'enforced': false}, 'persist_docs': {'relation': true, 'columns': false},
  }) }}
{% endmacro %}
