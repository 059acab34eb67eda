{{ config(**replaced_by_key('item_id')) }}

{{ newest_changes('stg_items', 'item_id', 'items') }}
