{{ config(tags=['punctuality']) }}

-- A day counted twice or forgotten by an incremental build shows here.
with daily as (

    select
        flight_date,
        sum(flights) as flights
    from {{ ref('daily_traffic') }}
    group by flight_date

),

detailed as (

    select
        flight_date,
        count(*) as flights
    from {{ ref('fct_flights') }}
    group by flight_date

)

select
    flight_date,
    daily.flights as daily_flights,
    detailed.flights as detailed_flights
from daily
full join detailed using (flight_date)
where daily.flights is distinct from detailed.flights
