with routes as (

    select
        route,
        origin,
        destination,
        max(distance_miles) as distance_miles,
        count(*) as flights,
        count(distinct carrier_code) as carriers,
        count(*) filter (where status = 'cancelled') as cancelled_flights,
        {{ percent('count(*) filter (where is_on_time)') }} as on_time_percent,
        round(avg(arrival_delay_minutes), 2) as average_arrival_delay,
        median(arrival_delay_minutes) as median_arrival_delay,
        round(avg(air_minutes), 2) as average_air_minutes,
        round(
            60.0 * sum(distance_miles) filter (where air_minutes is not null) / sum(air_minutes),
            1
        ) as average_mph
    from {{ ref('fct_flights') }}
    group by route, origin, destination

)

select
    routes.*,
    airports.airport_name as destination_name
from routes
left join {{ ref('dim_airports') }} as airports
    on routes.destination = airports.airport_code
