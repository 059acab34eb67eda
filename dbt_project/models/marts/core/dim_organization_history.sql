{{ versions_of(ref('stg_organizations'), 'org_id', ['org_name', 'org_type', 'country_code', 'zone_id']) }}
