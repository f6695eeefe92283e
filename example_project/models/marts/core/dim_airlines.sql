select
    airlines.carrier_code,
    airlines.carrier_name,
    carrier_groups.business_model,
    carrier_groups.alliance
from {{ ref('stg_airlines') }} as airlines
left join {{ ref('carrier_groups') }} as carrier_groups using (carrier_code)
