{#
  Arithmetic that gives the same bytes whatever the order of the rows, the number of threads and the engine.

  A sum of floats depends on the order in which they are added, so floats are taken to millionths first, which are whole
  numbers and sum exactly. (A decimal would do as well, but the engines round a float to one in different ways.) The one
  division at the end is of two numbers that are the same everywhere.
#}

{# The mean of a float that may be null, each value taken to six decimals; null where all of it is null. #}
{% macro exact_mean(column) -%}
  cast(sum(cast(round({{ column }} * 1000000) as {{ integer_type() }})) as {{ float_type() }})
        / nullif(cast(count({{ column }}) as {{ float_type() }}) * 1000000, 0)
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

{#
  A percentile by nearest rank: the least value that so many of a hundred values do not exceed. It is one of the values, so no
  engine can round it otherwise; their own functions interpolate, or guess.

  `place`: where the value stands among those of its group, from 1; `count`: how many there are. Null where there are none.
#}
{% macro percentile(column, percent, place, count) -%}
  min(case when {{ place }} * 100 >= {{ count }} * {{ percent }} then {{ column }} end)
{%- endmacro %}
