{# Each engine's name of a logical type. dbt's own type_float() is 32 bits wide on DuckDB, so we have our own. #}

{% macro float_type() %}{{ return(adapter.dispatch('float_type', 'megacity')()) }}{% endmacro %}
{% macro duckdb__float_type() %}{{ return('double') }}{% endmacro %}
{% macro bigquery__float_type() %}{{ return('float64') }}{% endmacro %}

{% macro integer_type() %}{{ return(adapter.dispatch('integer_type', 'megacity')()) }}{% endmacro %}
{% macro duckdb__integer_type() %}{{ return('bigint') }}{% endmacro %}
{% macro bigquery__integer_type() %}{{ return('int64') }}{% endmacro %}

{# Money and exact sums: never a float. #}
{% macro decimal_type() %}{{ return(adapter.dispatch('decimal_type', 'megacity')()) }}{% endmacro %}
{% macro duckdb__decimal_type() %}{{ return('decimal(18,6)') }}{% endmacro %}
{% macro bigquery__decimal_type() %}{{ return('numeric') }}{% endmacro %}
