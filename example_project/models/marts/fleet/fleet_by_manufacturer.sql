select
    planes.manufacturer_family,
    count(distinct planes.tail_number) as planes,
    count(*) as flights,
    {{ percent('count(*)', whole='sum(count(*)) over ()') }} as flights_percent,
    cast(sum(flights.distance_miles) as bigint) as miles,
    cast(sum(planes.seats) as bigint) as seats_offered
from {{ ref('fct_flights') }} as flights
inner join {{ ref('dim_planes') }} as planes using (tail_number)
where flights.status != 'cancelled'
group by planes.manufacturer_family
