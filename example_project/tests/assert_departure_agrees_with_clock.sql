-- Scheduled time plus delay must give the time on the clock, past midnight too.
select
    flights.flight_id,
    flights.departed_at,
    reported.departure_time
from {{ ref('fct_flights') }} as flights
inner join {{ ref('stg_flights') }} as reported using (flight_id)
where cast(flights.departed_at as time) != reported.departure_time
