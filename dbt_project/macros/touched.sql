{#
  Tests look at what a build has touched. dbt passes every tested model through get_where_subquery(); where the model is
  replaced by day (macros/dialect/incremental.sql) and the build was handed clocks, only the replaced days are looked at,
  so that a test costs the same on day 30 as on day 3. `lakehouse check curated` looks at whole tables.
#}
{% macro get_where_subquery(relation) -%}
  {%- set where = config.get('where', '') -%}
  {%- set day = day_of(relation) -%}
  {%- set days = clock_days(day.clock, day.before, day.after) if day else none -%}
  {%- if day -%}
    {%- set touched = is_one_of(utc_day(day.column) if day.type == 'timestamp' else day.column, days) -%}
    {%- set where = touched ~ (' and (' ~ where ~ ')' if where else '') -%}
  {%- endif -%}
  {%- if where -%}
    {%- do return('(select * from ' ~ relation ~ ' where ' ~ where ~ ') ' ~ relation.identifier) -%}
  {%- else -%}
    {%- do return(relation) -%}
  {%- endif -%}
{%- endmacro %}

{# How the model that makes a relation is replaced by day; none where it is not. #}
{% macro day_of(relation) %}
  {%- if execute -%}
    {%- for node in graph.nodes.values() | selectattr('resource_type', 'equalto', 'model') -%}
      {%- if node.name == relation.identifier and node.schema == relation.schema -%}
        {{ return(node.config.meta.get('day')) }}
      {%- endif -%}
    {%- endfor -%}
    {%- for node in graph.sources.values() -%}
      {%- if node.name == relation.identifier and node.schema == relation.schema -%}
        {{ return({'column': 'dt', 'clock': node.name, 'before': 0, 'after': 0, 'type': 'date'}) }}
      {%- endif -%}
    {%- endfor -%}
  {%- endif -%}
  {{ return(none) }}
{% endmacro %}

{# dbt's test of references, but for its reading all of the table that is referred to: BigQuery wants the days named. #}
{% macro bigquery__test_relationships(model, column_name, to, field) %}
{%- set day = day_of(to) %}

with child as (
    select {{ column_name }} as from_field
    from {{ model }}
    where {{ column_name }} is not null
),

parent as (
    select {{ field }} as to_field
    from {{ to }}
    {%- if day %}
    where {{ any_day(day.column) if day.type == 'date' else any_day(utc_day(day.column)) }}
    {%- endif %}
)

select from_field
from child
left join parent on child.from_field = parent.to_field
where parent.to_field is null
{% endmacro %}
