-- The answers that the marts of the example project must give, computed straight from the source files and in
-- other ways than the models: on raw columns, without their macros. Paths start at the project folder.

-- name: carrier_punctuality
with counted as (
    select
        f.carrier,
        count(*) as flights,
        sum(if(f.arr_delay < 15, 1, 0)) as on_time,
        sum(if(f.dep_time is null, 1, 0)) as cancelled,
        sum(if(f.dep_time is not null and f.arr_delay is null, 1, 0)) as diverted,
        sum(f.dep_delay) / count(f.dep_delay) as average_departure_delay,
        sum(f.arr_delay) / count(f.arr_delay) as average_arrival_delay,
        quantile_cont(f.arr_delay, 0.5) as median_arrival_delay
    from 'data/flights.parquet' as f
    group by f.carrier
)
select
    c.carrier as carrier_code,
    a.name as carrier_name,
    c.flights,
    c.on_time,
    c.cancelled,
    c.diverted,
    100 * c.on_time / c.flights as on_time_percent,
    100 * c.cancelled / c.flights as cancelled_percent,
    c.average_departure_delay,
    c.average_arrival_delay,
    c.median_arrival_delay
from counted as c
inner join 'data/airlines.parquet' as a on a.carrier = c.carrier
order by c.carrier;

-- name: punctuality_ranking
select
    row_number() over (order by avg(case when arr_delay < 15 then 1 else 0 end) desc) as punctuality_rank,
    carrier as carrier_code
from 'data/flights.parquet'
group by carrier
having count(*) >= 1000
order by punctuality_rank;

-- name: delay_categories
select
    case
        when arr_delay is null then 'no arrival'
        when arr_delay < 0 then 'early'
        when arr_delay < 15 then 'on time'
        when arr_delay < 60 then '15 to 59 minutes'
        when arr_delay < 180 then '1 to 3 hours'
        else '3 hours or more'
    end as delay_category,
    count(*) as flights
from 'data/flights.parquet'
group by delay_category
order by delay_category;

-- name: routes
select
    origin,
    dest as destination,
    count(*) as flights,
    count(distinct carrier) as carriers,
    count(*) - count(dep_time) as cancelled_flights,
    avg(case when arr_delay < 15 then 100.0 else 0.0 end) as on_time_percent,
    avg(arr_delay) as average_arrival_delay,
    quantile_cont(arr_delay, 0.5) as median_arrival_delay,
    avg(air_time) as average_air_minutes,
    max(distance) as distance_miles
from 'data/flights.parquet'
group by origin, dest
order by origin, dest;

-- name: fastest_long_routes
select
    origin,
    dest as destination,
    60.0 * sum(distance) / sum(air_time) as average_mph
from 'data/flights.parquet'
where air_time is not null
group by origin, dest
having max(distance) >= 2000
order by average_mph desc
limit 5;

-- name: weather
with weather as (
    select
        origin,
        time_hour,
        case
            when precip > 0 then
                case
                    when temp <= 32 then 'frozen precipitation'
                    when precip >= 0.1 then 'heavy rain'
                    else 'light rain'
                end
            when visib < 3 then 'low visibility'
            when wind_speed between 25 and 253 then 'strong wind'
            else 'fair'
        end as kind
    from 'data/weather.parquet'
)
select
    ifnull(w.kind, 'unknown') as weather_condition,
    count(*) as flights,
    count(*) - count(f.dep_time) as cancelled_flights,
    100 * (count(*) - count(f.dep_time)) / count(*) as cancelled_percent,
    100 * avg(cast(f.dep_delay >= 15 as integer)) as late_departure_percent,
    avg(f.dep_delay) as average_departure_delay
from 'data/flights.parquet' as f
left join weather as w on w.origin = f.origin and w.time_hour = f.time_hour
group by all
order by weather_condition;

-- name: hours_of_the_day
select
    hour as scheduled_hour,
    count(*) as flights,
    avg(dep_delay) as average_departure_delay,
    avg(case when arr_delay < 15 then 100.0 else 0.0 end) as on_time_percent
from 'data/flights.parquet'
group by hour
order by hour;

-- name: cancellations_by_month
select
    month,
    count(*) as flights,
    sum(if(dep_time is null, 1, 0)) as cancelled_flights,
    100 * sum(if(dep_time is null, 1, 0)) / count(*) as cancelled_percent
from 'data/flights.parquet'
group by month
order by month;

-- name: worst_days
select distinct on (month)
    month,
    day,
    count(*) - count(dep_time) as cancelled_flights
from 'data/flights.parquet'
group by month, day
order by month, cancelled_flights desc, day;

-- name: busiest_days
select
    make_date(year, month, day) as flight_date,
    count(*) as flights,
    count(*) - count(dep_time) as cancelled_flights,
    sum(if(arr_delay < 15, 1, 0)) as on_time_flights
from 'data/flights.parquet'
group by year, month, day
order by flights desc, flight_date
limit 10;

-- name: days_at_each_airport
select
    make_date(year, month, day) as flight_date,
    origin,
    count(*) as flights,
    count(*) - count(dep_time) as cancelled_flights,
    count(distinct dest) as destinations,
    avg(dep_delay) as average_departure_delay,
    max(dep_delay) as longest_departure_delay
from 'data/flights.parquet'
group by year, month, day, origin
order by flight_date, origin;

-- name: fleet_age
with flown as (
    select distinct carrier, tailnum
    from 'data/flights.parquet'
    where dep_time is not null
)
select
    f.carrier as carrier_code,
    count(*) as planes,
    count(p.year) as planes_of_known_age,
    100 * count(p.year) / count(*) as known_age_percent,
    2013 - avg(p.year) as average_age,
    min(p.year) as oldest_year_built,
    max(p.year) as newest_year_built
from flown as f
left join 'data/planes.parquet' as p on p.tailnum = f.tailnum
group by f.carrier
order by f.carrier;

-- name: fleet_age_by_departure
select
    f.carrier as carrier_code,
    avg(2013 - p.year) as average_age_per_flight
from 'data/flights.parquet' as f
inner join 'data/planes.parquet' as p on p.tailnum = f.tailnum
where f.dep_time is not null
group by f.carrier
order by f.carrier;

-- name: manufacturers
with planes as (
    select
        tailnum,
        seats,
        case
            when starts_with(manufacturer, 'AIRBUS') then 'Airbus'
            when starts_with(manufacturer, 'BOEING') then 'Boeing'
            when regexp_matches(manufacturer, '^(BOMBARDIER|CANADAIR)') then 'Bombardier'
            when starts_with(manufacturer, 'EMBRAER') then 'Embraer'
            when starts_with(manufacturer, 'MCDONNELL DOUGLAS') then 'McDonnell Douglas'
            else 'Other'
        end as family
    from 'data/planes.parquet'
)
select
    p.family as manufacturer_family,
    count(distinct f.tailnum) as planes,
    count(*) as flights,
    cast(sum(f.distance) as bigint) as miles,
    cast(sum(p.seats) as bigint) as seats_offered
from 'data/flights.parquet' as f
inner join planes as p on p.tailnum = f.tailnum
where f.dep_time is not null
group by p.family
order by p.family;

-- name: departures_after_midnight
-- Flights that left on a later day than scheduled: their clock shows less than the schedule, though late.
select
    count(*) as flights,
    sum(if(dep_delay >= 720, 1, 0)) as half_a_day_late
from 'data/flights.parquet'
where dep_delay > 0
    and (dep_time % 2400 < sched_dep_time or dep_delay >= 1440);

-- name: registry
select
    count(*) as planes,
    0 as closed
from 'data/planes.parquet';
