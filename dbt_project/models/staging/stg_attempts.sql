with source as (
    select * from {{ source('clean', 'attempts') }}
),

renamed as (
    select
        {{ staged('attempts') }}
    from source
)

select * from renamed
