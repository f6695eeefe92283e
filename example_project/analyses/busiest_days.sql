-- The ten days with the most scheduled flights, and how well they went.
with days as (

    select
        flight_date,
        dayname(flight_date) as weekday,
        cast(sum(flights) as bigint) as flights,
        cast(sum(cancelled_flights) as bigint) as cancelled_flights,
        {{ percent('sum(on_time_flights)', whole='sum(flights)') }} as on_time_percent
    from {{ ref('daily_traffic') }}
    group by flight_date

)

select
    row_number() over (order by flights desc, flight_date) as place,
    *
from days
qualify place <= 10
order by place
