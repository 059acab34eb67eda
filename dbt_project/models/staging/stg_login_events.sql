{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'login_events') }}
),

renamed as (
    select
        {{ staged('login_events') }}
    from source
)

select * from renamed
