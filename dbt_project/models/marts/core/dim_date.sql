with calendar as (
    select calendar_on from {{ calendar('2000-01-01', '2039-12-31') }} as days
),

numbered as (
    select
        calendar_on,
        extract(year from calendar_on) as year_number,
        extract(quarter from calendar_on) as quarter_number,
        extract(month from calendar_on) as month_number,
        extract(day from calendar_on) as day_of_month,
        {{ iso_week('calendar_on') }} as iso_week,
        {{ weekday_number('calendar_on') }} as weekday_number
    from calendar
),

dates as (
    select
        numbered.*,
        case weekday_number
            when 1 then 'Monday' when 2 then 'Tuesday' when 3 then 'Wednesday' when 4 then 'Thursday'
            when 5 then 'Friday' when 6 then 'Saturday' else 'Sunday'
        end as weekday_name,
        weekday_number >= 6 as is_weekend
    from numbered
)

select * from dates
