select
    faa as airport_code,
    name as airport_name,
    lat as latitude,
    lon as longitude,
    cast(alt as integer) as altitude_feet,
    cast(tz as integer) as utc_offset_hours,
    tzone as time_zone
from {{ source('nycflights13', 'airports') }}
