{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'kzone_contents') }}
),

renamed as (
    select
        {{ staged('kzone_contents') }}
    from source
)

select * from renamed
