{{ versions_of(ref('stg_users'), 'user_pid', ['role', 'birth_year', 'country_code', 'zone_id', 'org_id']) }}
