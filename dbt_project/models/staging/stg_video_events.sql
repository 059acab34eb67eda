{# Made by `make generate` from contracts/ and code. Do not edit. #}

with source as (
    select * from {{ source('clean', 'video_events') }}
),

renamed as (
    select
        {{ staged('video_events') }}
    from source
)

select * from renamed
