{#
  One scan a table: what its contract says of its rows. Made for each table by `make generate`.

      key        columns that no two rows share
      required   columns that are never null
      allowed    column → what it may be
      bounds     column → [lowest, highest]; either may be null

  A failing row says which rule is broken, and how often.
#}
{% test contract_holds(model, key, required=[], allowed={}, bounds={}) %}
{%- set rules = [] -%}
{%- for column in required -%}
  {%- do rules.append([column ~ ' is null', column ~ ' is null']) -%}
{%- endfor -%}
{%- for column, values in allowed.items() -%}
  {%- do rules.append([column ~ ' is none of its values', column ~ " not in ('" ~ values | join("', '") ~ "')"]) -%}
{%- endfor -%}
{%- for column, limits in bounds.items() -%}
  {%- if limits[0] is not none -%}{%- do rules.append([column ~ ' is under ' ~ limits[0], column ~ ' < ' ~ limits[0]]) -%}{%- endif -%}
  {%- if limits[1] is not none -%}{%- do rules.append([column ~ ' is over ' ~ limits[1], column ~ ' > ' ~ limits[1]]) -%}{%- endif -%}
{%- endfor -%}

with doubled as (
    select count(*) as copies
    from {{ model }}
    group by {{ key | join(', ') }}
    having count(*) > 1
),

counted as (
    select
        count(*) as all_rows{% for rule in rules %},
        count(case when {{ rule[1] }} then 1 end) as rule_{{ loop.index }}{% endfor %}
    from {{ model }}
),

failed as (
    select '{{ key | join(', ') }}: more than one row' as rule, count(*) as failures from doubled
    {%- for rule in rules %}
    union all
    select '{{ rule[0] }}' as rule, rule_{{ loop.index }} as failures from counted
    {%- endfor %}
)

select * from failed where failures > 0
{% endtest %}
