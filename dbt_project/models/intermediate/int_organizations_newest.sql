{{ config(**replaced_by_key('org_id')) }}

{{ newest_changes(ref('stg_organizations'), 'org_id', 'organizations') }}
