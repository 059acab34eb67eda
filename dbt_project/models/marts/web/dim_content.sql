with catalogue as (
    select * from {{ ref('int_contents_newest') }}
    where op <> 'd'
),

videos as (
    select
        published.*,
        removed.removed_at
    from {{ ref('int_videos_published') }} as published
    left join {{ ref('int_videos_removed') }} as removed on published.content_id = removed.content_id
),

named as (
    select content_id from catalogue
    union distinct
    select content_id from videos
    union distinct
    select content_id from {{ ref('int_contents_seen') }}
),

contents as (
    select
        named.content_id,
        catalogue.content_id is not null as is_catalogued,
        coalesce(catalogue.content_type, videos.content_type) as content_type,
        coalesce(catalogue.user_pid, videos.user_pid) as user_pid,
        coalesce(catalogue.duration_ms, videos.duration_ms) as duration_ms,
        coalesce(catalogue.published_at, videos.occurred_at) as published_at,
        videos.removed_at
    from named
    left join catalogue on named.content_id = catalogue.content_id
    left join videos on named.content_id = videos.content_id
)

select * from contents
