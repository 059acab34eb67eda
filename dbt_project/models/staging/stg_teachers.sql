with source as (
    select * from {{ source('clean', 'teachers') }}
),

renamed as (
    select
        {{ staged('teachers') }}
    from source
)

select * from renamed
