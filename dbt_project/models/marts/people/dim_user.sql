with accounts as (
    select * from {{ ref('int_users_newest') }}
    where op <> 'd'
),

activity as (
    select * from {{ ref('int_user_activity') }}
),

users as (
    select
        coalesce(accounts.user_pid, activity.user_pid) as user_pid,
        accounts.user_pid is not null as is_catalogued,
        accounts.role,
        accounts.birth_year,
        accounts.country_code,
        accounts.zone_id,
        accounts.org_id,
        accounts.signed_up_at,
        activity.first_activity_on,
        activity.last_activity_on
    from accounts
    full outer join activity on accounts.user_pid = activity.user_pid
)

select * from users
