{#
  The newest change of each row of a source table, deletions included: a table of one row a row key, to which a build
  adds what changed. Deletions stay, so that an older change that comes late cannot bring a deleted row back.

  Newest is by source_epoch and source_lsn (0 where a row is from before the source had epochs), at one place a snapshot
  before any change and a deletion before the row that it makes way for, then by changed_at and event_id: the same whatever
  the order of arrival, and the order in which beam_pipelines/folding.py folds. For what a floor takes away the history has a
  delete.
#}
{% macro newest_changes(staging, key, clock) %}
with changes as (
    select * from {{ staging }}
    where {{ on_days('changed_on', clock) }}
),

ranked as (
    select
        changes.*,
        row_number() over (
            partition by {{ key }}
            order by {% for part in position_of('changes') %}{{ part }} desc{{ ', ' if not loop.last }}{% endfor %}
        ) as place
    from changes
),

newest as (
    select
        {{ staged_names(clock) }}
    from ranked
    where place = 1
    {%- if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as kept
            where kept.{{ key }} = ranked.{{ key }}
                and ({{ is_after('kept', 'ranked') }})
        )
    {%- endif %}
)

select * from newest
{% endmacro %}

{# What a change is ordered by, most important first. #}
{% macro position_of(row) %}
  {{ return([
    'coalesce(' ~ row ~ '.source_epoch, 0)', row ~ '.source_lsn', "case " ~ row ~ ".op when 'r' then 0 when 'd' then 1 else 2 end",
    row ~ '.changed_at', row ~ '.event_id',
  ]) }}
{% endmacro %}

{# A condition: the position of one row is behind that of another. BigQuery does not compare rows by themselves. #}
{% macro is_after(one, other) -%}
  {%- set mine, theirs = position_of(one), position_of(other) -%}
  {%- for at in range(mine | length) -%}
    {{ ' or ' if at }}(
    {%- for before in range(at) %}{{ mine[before] }} = {{ theirs[before] }} and {% endfor -%}
    {{ mine[at] }} > {{ theirs[at] }})
  {%- endfor -%}
{%- endmacro %}
