{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'students') }}
),

renamed as (
    select
        {{ staged('students') }}
    from source
)

select * from renamed
