{{ config(**replaced_by_key('item_id')) }}

-- Every item that a response names, as the first event that named it has it.

with named as (
    select item_id, exam_id, skill, occurred_at, event_id
    from {{ ref('stg_exam_events') }}
    where {{ on_days('occurred_on', 'exam_events') }}
        and item_id is not null
),

-- Few items, many answers: the earliest moments first, so that only what happened at them is sorted.
earliest as (
    select
        item_id,
        min(occurred_at) as occurred_at
    from named
    group by item_id
),

ranked as (
    select
        named.*,
        row_number() over (partition by named.item_id order by named.event_id) as place
    from named
    inner join earliest
        on named.item_id = earliest.item_id
        and named.occurred_at = earliest.occurred_at
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
        {{ unless_kept_earlier('item_id') }}
)

select * from items
