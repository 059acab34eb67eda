{#
  A dimension's history (SCD2): from the changes of a source table, the stretches of time in which what is told of a row
  stayed the same. A deletion ends the last one; a row that comes back begins another.

  Changes stand in the order of macros/newest.sql. A change takes effect at its changed_at, or when the one before it did
  where the source's clock went back, so that stretches never overlap; of changes that take effect at once the last one
  counts. It is made anew from all changes: a late one may split, join or remove stretches that were there.
#}
{% macro versions_of(staging, key, columns) %}
with changes as (
    select
        changes.*,
        row_number() over (
            partition by {{ key }}
            order by {% for part in position_of('changes') %}{{ part }}{{ ', ' if not loop.last }}{% endfor %}
        ) as place
    from {{ staging }} as changes
),

timed as (
    select
        *,
        max(changed_at) over (partition by {{ key }} order by place rows between unbounded preceding and current row) as effective_at
    from changes
),

ranked as (
    select
        *,
        row_number() over (partition by {{ key }}, effective_at order by place desc) as place_at_once
    from timed
),

effective as (
    select
        {{ key }},
        effective_at,
        op = 'd' as is_deleted,
        {%- for column in columns %}
        {{ column }}{{ ',' if not loop.last }}
        {%- endfor %}
    from ranked
    where place_at_once = 1
),

compared as (
    select
        *,
        lag(effective_at) over (partition by {{ key }} order by effective_at) is null as is_first,
        lag(is_deleted) over (partition by {{ key }} order by effective_at) as was_deleted,
        {%- for column in columns %}
        lag({{ column }}) over (partition by {{ key }} order by effective_at) as {{ column }}_before{{ ',' if not loop.last }}
        {%- endfor %}
    from effective
),

beginnings as (
    select * from compared
    where is_first
        or is_deleted <> was_deleted
        or (
            not is_deleted
            and (
                {%- for column in columns %}
                {{ column }} is distinct from {{ column }}_before{{ ' or' if not loop.last }}
                {%- endfor %}
            )
        )
),

stretches as (
    select
        *,
        lead(effective_at) over (partition by {{ key }} order by effective_at) as valid_until
    from beginnings
),

versions as (
    select
        {{ key }},
        {%- for column in columns %}
        {{ column }},
        {%- endfor %}
        effective_at as valid_from,
        valid_until,
        valid_until is null as is_current
    from stretches
    where not is_deleted
)

select * from versions
{% endmacro %}
