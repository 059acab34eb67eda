{# A model's schema is the one that is written for it: curated is curated on every target, without a prefix. #}
{% macro generate_schema_name(custom_schema_name, node) -%}
  {{ custom_schema_name or target.schema }}
{%- endmacro %}
