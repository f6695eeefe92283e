-- What the marts of the example project say: for each query of figures.sql, one of the same name and columns.
-- Rates and averages are rounded in the marts, to two decimals unless said otherwise.

-- name: carrier_punctuality
select
    carrier_code,
    carrier_name,
    flights,
    on_time_flights as on_time,
    cancelled_flights as cancelled,
    diverted_flights as diverted,
    on_time_percent,
    cancelled_percent,
    average_departure_delay,
    average_arrival_delay,
    median_arrival_delay
from carrier_punctuality
order by carrier_code;

-- name: punctuality_ranking
select punctuality_rank, carrier_code
from carrier_punctuality
where punctuality_rank is not null
order by punctuality_rank;

-- name: delay_categories
select delay_category, count(*) as flights
from fct_flights
group by delay_category
order by delay_category;

-- name: routes
select
    origin,
    destination,
    flights,
    carriers,
    cancelled_flights,
    on_time_percent,
    average_arrival_delay,
    median_arrival_delay,
    average_air_minutes,
    distance_miles
from route_performance
order by origin, destination;

-- name: fastest_long_routes
-- Speeds are rounded to one decimal.
select origin, destination, average_mph
from route_performance
where distance_miles >= 2000
order by average_mph desc
limit 5;

-- name: weather
select
    weather_condition,
    flights,
    cancelled_flights,
    cancelled_percent,
    late_departure_percent,
    average_departure_delay
from weather_delays
order by weather_condition;

-- name: hours_of_the_day
select scheduled_hour, flights, average_departure_delay, on_time_percent
from departure_hours
order by scheduled_hour;

-- name: cancellations_by_month
select month(flight_month) as month, flights, cancelled_flights, cancelled_percent
from monthly_cancellations
order by month;

-- name: worst_days
select month(flight_month) as month, day(worst_day) as day, worst_day_cancelled_flights as cancelled_flights
from monthly_cancellations
order by month;

-- name: busiest_days
select
    flight_date,
    cast(sum(flights) as bigint) as flights,
    cast(sum(cancelled_flights) as bigint) as cancelled_flights,
    cast(sum(on_time_flights) as bigint) as on_time_flights
from daily_traffic
group by flight_date
order by flights desc, flight_date
limit 10;

-- name: days_at_each_airport
select
    flight_date,
    origin,
    flights,
    cancelled_flights,
    destinations,
    average_departure_delay,
    longest_departure_delay
from daily_traffic
order by flight_date, origin;

-- name: fleet_age
select
    carrier_code,
    planes,
    planes_of_known_age,
    known_age_percent,
    average_age,
    oldest_year_built,
    newest_year_built
from fleet_age
order by carrier_code;

-- name: fleet_age_by_departure
select carrier_code, average_age_per_flight
from fleet_age
order by carrier_code;

-- name: manufacturers
select manufacturer_family, planes, flights, miles, seats_offered
from fleet_by_manufacturer
order by manufacturer_family;

-- name: departures_after_midnight
select
    count(*) as flights,
    count(*) filter (where departure_delay_minutes >= 720) as half_a_day_late
from fct_flights
where cast(departed_at as date) > flight_date;

-- name: registry
select
    count(*) filter (where dbt_valid_to is null) as planes,
    count(*) filter (where dbt_valid_to is not null) as closed
from planes_snapshot;
