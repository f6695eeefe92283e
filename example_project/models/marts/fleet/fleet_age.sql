with flown as (

    select
        carrier_code,
        tail_number,
        count(*) as flights
    from {{ ref('fct_flights') }}
    where status != 'cancelled'
    group by carrier_code, tail_number

)

select
    flown.carrier_code,
    airlines.carrier_name,
    count(*) as planes,
    count(planes.age_years) as planes_of_known_age,
    {{ percent('count(planes.age_years)') }} as known_age_percent,
    round(avg(planes.age_years), 2) as average_age,
    round(
        sum(flown.flights * planes.age_years)
        / nullif(sum(flown.flights) filter (where planes.age_years is not null), 0),
        2
    ) as average_age_per_flight,
    min(planes.year_built) as oldest_year_built,
    max(planes.year_built) as newest_year_built
from flown
left join {{ ref('dim_planes') }} as planes using (tail_number)
left join {{ ref('dim_airlines') }} as airlines using (carrier_code)
group by flown.carrier_code, airlines.carrier_name
