"""Functions that the database in memory gets, to do at run time what another engine's words mean there.

They are for what depends on the type of a value, which the text of a query does not tell. What cannot be done ends in
an error that says so. Nothing is run here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

TEXT = "eltbuild_text"
"""A value as the warehouse writes it where it is cast to text."""
EXACT_TEXT = "eltbuild_exact_text"
"""The text of a number that is a decimal in the warehouse, whatever it is in memory."""
ROUNDED = "eltbuild_rounded"
"""A number rounded to so many digits as a decimal, of which a float is as near as it can be."""
DIGITS = "eltbuild_digits"
"""A number on its way to a decimal: the digits that a float was written with."""
SHOWN = "eltbuild_shown"
"""A value as the warehouse writes it in `concat`: truth values by their first letter."""
ALL_SHOWN = "eltbuild_all_shown"
"""The items of a list, each as it is shown."""
MEMBER = "eltbuild_member"
"""The text of a member of a document; an object or a list has other spaces there."""
KIND = "eltbuild_json_kind"
"""What a document is: `object`, `array`, `string`, `number`, `boolean` or `null`."""
DOCUMENT = "eltbuild_document"
"""A value as JSON: times of day stand behind a T."""
CAPITALS = "eltbuild_capitals"
"""A text in capitals: a sharp s stays one."""
HEX = "eltbuild_hex"
"""The hexadecimal digits of a whole number, in small letters; a negative one has as many as its type."""
NOT_THE_SAME = "has no equal in memory"

_TEXT = f"""
case
  when x is null then null
  when typeof(x) in ('DOUBLE', 'FLOAT') then
    case
      when isnan(try_cast(cast(x as varchar) as double)) then 'NaN'
      when isinf(try_cast(cast(x as varchar) as double)) then
        if(starts_with(cast(x as varchar), '-'), '-Infinity', 'Infinity')
      when abs(try_cast(cast(x as varchar) as double)) >= if(typeof(x) = 'FLOAT', 1e6, 1e15)
        then error('the text of a float as large as ' || cast(x as varchar) || ' {NOT_THE_SAME}')
      else regexp_replace(cast(x as varchar), '[.]0$', '')
    end
  when starts_with(typeof(x), 'DECIMAL(38,') and regexp_matches(cast(x as varchar), '[.].*0$')
    then error('the text of a number whose scale is not told {NOT_THE_SAME}')
  when typeof(x) in ('INTERVAL', 'BLOB') or regexp_matches(typeof(x), '(^(STRUCT|MAP|UNION)|[]]$)')
    then error('the text of a value of type ' || typeof(x) || ' {NOT_THE_SAME}')
  when typeof(x) = 'JSON' and regexp_matches(cast(x as varchar), '^[[{{]')
    then error('the text of a document of JSON {NOT_THE_SAME}')
  else cast(x as varchar)
end
"""
_POSTGRES = (
    f"create or replace temp macro {TEXT}(x) as ({_TEXT})",
    f"create or replace temp macro {EXACT_TEXT}(x) as (case when typeof(x) = 'DOUBLE' and x is not null "
    f"then error('the text of a number whose scale is not told {NOT_THE_SAME}') else {TEXT}(x) end)",
    f"create or replace temp macro {ROUNDED}(x, n) as (case when typeof(x) in ('DOUBLE', 'FLOAT') "
    "then coalesce(round(try_cast(x as decimal(18, 9)), n), round(x, n)) else round(x, n) end)",
    f"create or replace temp macro {DIGITS}(x) as (case when typeof(x) in ('DOUBLE', 'FLOAT') "
    "then printf('%.15g', try_cast(cast(x as varchar) as double)) else cast(x as varchar) end)",
    f"create or replace temp macro {SHOWN}(x) as "
    f"(case when typeof(x) = 'BOOLEAN' then left(cast(x as varchar), 1) else {TEXT}(x) end)",
    f"create or replace temp macro {MEMBER}(x) as (case when json_type(x) in ('OBJECT', 'ARRAY') "
    f"then error('the text of a document of JSON {NOT_THE_SAME}') else x ->> '$' end)",
    f"create or replace temp macro {ALL_SHOWN}(l) as ([{SHOWN}(v) for v in l])",
    f"create or replace temp macro {DOCUMENT}(x) as (case when typeof(x) = 'TIMESTAMP' "
    "then to_json(replace(cast(x as varchar), ' ', 'T')) when contains(typeof(x), 'TIMESTAMP') and x is not null "
    f"then error('a time in a document of JSON {NOT_THE_SAME}') else to_json(x) end)",
    f"create or replace temp macro {CAPITALS}(x) as "
    "(replace(replace(upper(replace(x, 'ẞ', chr(1))), 'ẞ', 'ß'), chr(1), 'ẞ'))",
    f"create or replace temp macro {HEX}(x) as "
    "(case when typeof(x) = 'INTEGER' and x < 0 then right(lower(to_hex(x)), 8) else lower(to_hex(x)) end)",
    f"create or replace temp macro {KIND}(x) as (case json_type(x) "
    "when 'VARCHAR' then 'string' when 'OBJECT' then 'object' "
    "when 'ARRAY' then 'array' when 'BOOLEAN' then 'boolean' when 'NULL' then 'null' "
    "else if(x is null, null, 'number') end)",
)
STATEMENTS: Mapping[tuple[str, str], Sequence[str]] = {("postgres", "duckdb"): _POSTGRES}
"""What makes the functions, by the dialect of the project and that of the database in memory."""
