with source as (
    select * from {{ source('clean', 'classes') }}
),

renamed as (
    select
        {{ staged('classes') }}
    from source
)

select * from renamed
