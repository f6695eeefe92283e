select
    origin,
    time_hour as observed_hour,
    temp as temperature_f,
    dewp as dew_point_f,
    humid as humidity_percent,
    cast(wind_dir as integer) as wind_direction_degrees,
    case when wind_speed <= {{ var('plausible_wind_mph') }} then wind_speed end as wind_speed_mph,
    wind_gust as wind_gust_mph,
    precip as precipitation_inches,
    pressure as pressure_millibars,
    visib as visibility_miles
from {{ source('nycflights13', 'weather') }}
