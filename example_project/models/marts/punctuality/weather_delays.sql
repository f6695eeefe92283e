with flights as (

    select
        weather_condition,
        status,
        departure_delay_minutes,
        departure_delay_minutes >= {{ var('on_time_minutes') }} as is_late_departure
    from {{ ref('fct_flights') }}

)

select
    weather_condition,
    count(*) as flights,
    count(*) filter (where status = 'cancelled') as cancelled_flights,
    {{ percent("count(*) filter (where status = 'cancelled')") }} as cancelled_percent,
    {{ percent('count(*) filter (where is_late_departure)', whole='count(is_late_departure)') }}
        as late_departure_percent,
    round(avg(departure_delay_minutes), 2) as average_departure_delay
from flights
group by weather_condition
