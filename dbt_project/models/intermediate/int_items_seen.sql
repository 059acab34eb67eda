{{ config(**replaced_by_key('item_id')) }}

-- Every item that a response names, as the first event that named it has it.

with named as (
    select item_id, exam_id, skill, occurred_at, event_id
    from {{ ref('stg_exam_events') }}
    where {{ on_days('occurred_on', 'exam_events') }}
        and item_id is not null
),

ranked as (
    select
        named.*,
        row_number() over (partition by item_id order by occurred_at, event_id) as place
    from named
),

items as (
    select
        item_id,
        exam_id,
        skill,
        occurred_at,
        event_id
    from ranked
    where place = 1
    {%- if is_incremental() %}
        and not exists (
            select 1
            from {{ this }} as kept
            where kept.item_id = ranked.item_id
                and (
                    kept.occurred_at < ranked.occurred_at
                    or (kept.occurred_at = ranked.occurred_at and kept.event_id < ranked.event_id)
                )
        )
    {%- endif %}
)

select * from items
