{#
  The newest change of each row of a source table, deletions included: a table of one row a row key, to which a build
  adds what changed. Deletions stay, so that an older change that comes late cannot bring a deleted row back.

  Newest is by (source_lsn, changed_at, event_id), which is the same whatever the order of arrival.
#}
{% macro newest_changes(staging, key, clock) %}
with changes as (
    select * from {{ ref(staging) }}
    where {{ on_days('changed_on', clock) }}
),

ranked as (
    select
        changes.*,
        row_number() over (partition by {{ key }} order by source_lsn desc, changed_at desc, event_id desc) as place
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
                and (
                    kept.source_lsn > ranked.source_lsn
                    or (kept.source_lsn = ranked.source_lsn and kept.changed_at > ranked.changed_at)
                    or (kept.source_lsn = ranked.source_lsn and kept.changed_at = ranked.changed_at and kept.event_id > ranked.event_id)
                )
        )
    {%- endif %}
)

select * from newest
{% endmacro %}
