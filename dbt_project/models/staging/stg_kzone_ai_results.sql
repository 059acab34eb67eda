{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'kzone_ai_results') }}
),

renamed as (
    select
        {{ staged('kzone_ai_results') }}
    from source
)

select * from renamed
