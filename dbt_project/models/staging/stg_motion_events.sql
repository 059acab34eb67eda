{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'motion_events') }}
),

renamed as (
    select
        {{ staged('motion_events') }}
    from source
)

select * from renamed
