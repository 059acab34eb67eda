{{ config(**replaced_by_key('class_id')) }}

{{ newest_changes(ref('stg_classes'), 'class_id', 'classes') }}
