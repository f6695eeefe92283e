select
    id as customer_id,
    name as customer_name,
    country,
    cast(signed_up as date) as signed_up_on
from {{ source('raw', 'customers') }}
