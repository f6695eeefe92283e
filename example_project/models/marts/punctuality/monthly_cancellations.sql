with days as (

    select
        cast({{ dbt.date_trunc('month', 'flight_date') }} as date) as flight_month,
        flight_date,
        sum(flights) as flights,
        sum(cancelled_flights) as cancelled_flights
    from {{ ref('daily_traffic') }}
    group by 1, 2

),

placed as (

    select
        *,
        row_number() over (
            partition by flight_month
            order by cancelled_flights desc, flight_date
        ) as place
    from days

)

select
    flight_month,
    cast(sum(flights) as bigint) as flights,
    cast(sum(cancelled_flights) as bigint) as cancelled_flights,
    {{ percent('sum(cancelled_flights)', whole='sum(flights)') }} as cancelled_percent,
    max(flight_date) filter (where place = 1) as worst_day,
    cast(max(cancelled_flights) as bigint) as worst_day_cancelled_flights
from placed
group by flight_month
