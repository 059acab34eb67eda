{{ config(**replaced_by_key('class_id')) }}

{{ newest_changes('stg_classes', 'class_id', 'classes') }}
