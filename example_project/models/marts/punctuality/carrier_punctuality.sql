with carriers as (

    select
        carrier_code,
        count(*) as flights,
        count(*) filter (where is_on_time) as on_time_flights,
        count(*) filter (where status = 'cancelled') as cancelled_flights,
        count(*) filter (where status = 'diverted') as diverted_flights,
        {{ percent('count(*) filter (where is_on_time)') }} as on_time_percent,
        {{ percent("count(*) filter (where status = 'cancelled')") }} as cancelled_percent,
        round(avg(departure_delay_minutes), 2) as average_departure_delay,
        round(avg(arrival_delay_minutes), 2) as average_arrival_delay,
        median(arrival_delay_minutes) as median_arrival_delay,
        count(*) >= {{ var('ranking_min_flights') }} as has_enough_flights
    from {{ ref('fct_flights') }}
    group by carrier_code

)

select
    case
        when carriers.has_enough_flights
            then rank() over (
                partition by carriers.has_enough_flights
                order by carriers.on_time_percent desc
            )
    end as punctuality_rank,
    carriers.carrier_code,
    airlines.carrier_name,
    airlines.business_model,
    carriers.flights,
    carriers.on_time_flights,
    carriers.cancelled_flights,
    carriers.diverted_flights,
    carriers.on_time_percent,
    carriers.cancelled_percent,
    carriers.average_departure_delay,
    carriers.average_arrival_delay,
    carriers.median_arrival_delay
from carriers
left join {{ ref('dim_airlines') }} as airlines using (carrier_code)
