{#
  Arithmetic that gives the same bytes whatever the order of the rows and the number of threads.

  A sum of floats depends on the order in which they are added, so floats are taken to six decimals first and summed
  exactly; the one division at the end is of two numbers that are the same everywhere.
#}

{# The mean of a column that may be null; null where all of it is. #}
{% macro exact_mean(column) -%}
  cast(sum(cast({{ column }} as {{ decimal_type() }})) as {{ float_type() }}) / nullif(cast(count({{ column }}) as {{ float_type() }}), 0)
{%- endmacro %}

{# A ratio of two whole numbers; null where the lower one is 0. #}
{% macro ratio(part, whole) -%}
  cast({{ part }} as {{ float_type() }}) / nullif(cast({{ whole }} as {{ float_type() }}), 0)
{%- endmacro %}

{# A sum of whole numbers, 0 where there is none. DuckDB sums 64-bit numbers into 128 bits. #}
{% macro whole_sum(expression) -%}
  cast(coalesce(sum({{ expression }}), 0) as {{ integer_type() }})
{%- endmacro %}

{# How many rows meet a condition. #}
{% macro count_where(condition) -%}
  count(case when {{ condition }} then 1 end)
{%- endmacro %}
