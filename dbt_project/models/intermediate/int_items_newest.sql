{{ config(**replaced_by_key('item_id')) }}

{{ newest_changes(ref('stg_items'), 'item_id', 'items') }}
