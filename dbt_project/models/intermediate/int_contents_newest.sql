{{ config(**replaced_by_key('content_id')) }}

{{ newest_changes(ref('stg_kzone_contents'), 'content_id', 'kzone_contents') }}
