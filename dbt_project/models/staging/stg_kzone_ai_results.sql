with source as (
    select * from {{ source('clean', 'kzone_ai_results') }}
),

renamed as (
    select
        {{ staged('kzone_ai_results') }}
    from source
)

select * from renamed
