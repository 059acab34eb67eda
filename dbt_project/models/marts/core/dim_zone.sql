with zones as (
    select
        zone_id,
        zone_name,
        site_host,
        zone_code
    from {{ ref('zones') }}
)

select * from zones
