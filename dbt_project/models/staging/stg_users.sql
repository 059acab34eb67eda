with source as (
    select * from {{ source('clean', 'users') }}
),

renamed as (
    select
        {{ staged('users') }}
    from source
)

select * from renamed
