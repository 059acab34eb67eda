{{ config(**replaced_by_key('org_id')) }}

{{ newest_changes('stg_organizations', 'org_id', 'organizations') }}
