with newest as (
    select * from {{ ref('int_organizations_newest') }}
    where op <> 'd'
),

organizations as (
    select
        org_id,
        org_name,
        org_type,
        country_code,
        zone_id,
        created_at
    from newest
)

select * from organizations
