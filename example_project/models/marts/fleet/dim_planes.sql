select
    tail_number,
    year_built,
    {{ var('report_year') }} - year_built as age_years,
    {{ manufacturer_family('manufacturer') }} as manufacturer_family,
    manufacturer,
    model,
    plane_type,
    engine_type,
    engines,
    seats
from {{ ref('stg_planes') }}
