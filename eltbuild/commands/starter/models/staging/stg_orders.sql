select
    id as order_id,
    customer_id,
    cast(ordered_at as date) as ordered_on,
    cast(amount_cents as decimal(12, 2)) / 100 as amount,
    status
from {{ source('raw', 'orders') }}
