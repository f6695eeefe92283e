"""What hangs on a relation: one question to the catalogue, and what its answer means. Nothing is run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from eltbuild.relation import Belongings, Column, Dependant, Grant, Index, Reference, Relation, Rule
from eltbuild_postgres.catalogue import KINDS, text

DEEPEST = 1000
"""How many views may stand on one another: a guard against a circle, which only hands in the catalogue can make."""

_GRANTS = """
  (select coalesce(json_agg(json_build_array(
      lower(x.privilege_type), case x.grantee when 0 then 'public' else pg_get_userbyid(x.grantee) end, x.is_grantable,
      x.name) order by x.number, x.privilege_type, x.grantee), '[]')
   from (
     select 0 as number, '' as name, e.* from aclexplode({c}.relacl) as e
     union all
     select a.attnum, a.attname, e.* from pg_attribute as a, aclexplode(a.attacl) as e
     where a.attrelid = {c}.oid and a.attacl is not null and not a.attisdropped
   ) as x where x.grantee <> {c}.relowner)"""
"""Rights of others than the owner, `[privilege, grantee, grantable, column]`."""

_INDEXES = """
  (select coalesce(json_agg(json_build_array(
      ic.relname, pg_get_indexdef(i.indexrelid), i.indisunique,
      (select json_agg(a.attname order by k.place) from unnest(i.indkey) with ordinality as k (number, place)
       join pg_attribute as a on a.attrelid = i.indrelid and a.attnum = k.number),
      coalesce(pg_get_constraintdef(o.oid), ''), coalesce(obj_description(ic.oid, 'pg_class'), ''))
      order by ic.relname), '[]')
   from pg_index as i
   join pg_class as ic on ic.oid = i.indexrelid
   left join pg_constraint as o
     on o.conindid = i.indexrelid and o.conrelid = i.indrelid and o.contype in ('p', 'u', 'x')
   where i.indrelid = {c}.oid and i.indisvalid)"""
"""`[name, definition, unique, columns, constraint, comment]`."""

_COLUMNS = """
  (select json_agg(json_build_array(a.attname, format_type(a.atttypid, a.atttypmod), not a.attnotnull,
      coalesce(col_description(a.attrelid, a.attnum), '')) order by a.attnum)
   from pg_attribute as a where a.attrelid = {c}.oid and a.attnum > 0 and not a.attisdropped)"""

_BOUND = """
  select 'trigger ' || g.tgname || {on} from pg_trigger as g where g.tgrelid = {c}.oid and not g.tgisinternal
  union all
  select 'rule ' || r.rulename || {on} from pg_rewrite as r where r.ev_class = {c}.oid and r.rulename <> '_RETURN'"""
"""What no kind of relation keeps when it is made again."""


def belongings_query(schema: str, identifier: str) -> str:
    """One row with one JSON document, none where nothing stands there; an empty schema means temporary tables.

    To be asked with an empty search path, behind `PREPARED` once in each session: planning takes longer than all else.
    With an empty search path every name in a definition is written with its schema.
    """
    return f"execute {NAME}({text(schema)}, {text(identifier)})"


def constraints_query(schema: str, identifier: str) -> str:
    """Rows `(kind, columns)` of the valid constraints of a table, NOT NULL left out."""
    kinds = (
        "case k.contype when 'c' then 'check' when 'u' then 'unique' when 'p' then 'primary_key' else 'foreign_key' end"
    )
    columns = "select a.attname::text from pg_attribute as a where a.attrelid = k.conrelid and a.attnum = any(k.conkey)"
    return (
        f"select {kinds}, array({columns}) from pg_constraint as k join pg_class as c on c.oid = k.conrelid"
        " join pg_namespace as n on n.oid = c.relnamespace"
        f" where n.nspname = {text(schema)} and c.relname = {text(identifier)}"
        " and k.contype in ('c', 'u', 'p', 'f') and k.convalidated order by k.conname"
    )


def commits_query(schema: str, identifier: str) -> str:
    """One row where the server keeps the times of commits and that is a table whose rows have them; else none."""
    return (
        "select 1 from pg_class as c join pg_namespace as n on n.oid = c.relnamespace"
        f" where n.nspname = {text(schema)} and c.relname = {text(identifier)} and c.relkind in ('r', 'm')"
        " and current_setting('track_commit_timestamp') = 'on'"
    )


NAME = "eltbuild_belongings"
UNPREPARED = frozenset({"26000", "42P05"})
"""SQLSTATEs that say of a prepared statement that it is not there, or is there already."""


_STANDING = f"""with recursive target as (
  select c.oid, c.relname, c.relkind, c.relacl, c.relowner, c.reltype, c.relrowsecurity, c.reloptions,
    c.relpersistence,
    n.nspname,
    (select t.typarray from pg_type as t where t.oid = c.reltype) as typarray
  from pg_class as c join pg_namespace as n on n.oid = c.relnamespace
  where c.relname = $2 and (n.nspname = $1 or $1 = '' and n.oid = pg_my_temp_schema())
), standing (oid, depth) as (
  select t.oid, 0 from target as t
  union
  select r.ev_class, s.depth + 1
  from standing as s
  join pg_class as p on p.oid = s.oid
  left join pg_type as y on y.oid = p.reltype
  join pg_depend as d on d.classid = 'pg_rewrite'::regclass and (
    d.refclassid = 'pg_class'::regclass and d.refobjid = s.oid
    or d.refclassid = 'pg_type'::regclass and d.refobjid in (p.reltype, y.typarray))
  join pg_rewrite as r on r.oid = d.objid and r.rulename = '_RETURN'
  where r.ev_class <> s.oid and s.depth < {DEEPEST}
), dependant as (
  select v.*, n.nspname, n.oid as schema, s.depth
  from (select oid, max(depth) as depth from standing where depth > 0 group by oid) as s
  join pg_class as v on v.oid = s.oid
  join pg_namespace as n on n.oid = v.relnamespace
)"""
"""The relation, and the views that stand on it, one by one with how far off they are."""

_RULES = """(select coalesce(json_agg(json_build_array(o.conname, pg_get_constraintdef(o.oid),
      (select json_agg(a.attname order by k.place) from unnest(o.conkey) with ordinality as k (number, place)
       join pg_attribute as a on a.attrelid = t.oid and a.attnum = k.number)) order by o.conname), '[]')
    from pg_constraint as o
    where o.conrelid = t.oid and o.contype in ('c', 'f') and o.conparentid = 0 and o.confrelid <> t.oid)"""
"""Checks and foreign keys of the relation."""

_REFERENCES = """(select coalesce(json_agg(json_build_object(
      'schema', n.nspname,
      'table', k.relname,
      'name', o.conname,
      'definition', pg_get_constraintdef(o.oid),
      'ours', pg_has_role(k.relowner, 'USAGE')
    ) order by n.nspname, k.relname, o.conname), '[]')
    from pg_constraint as o join pg_class as k on k.oid = o.conrelid join pg_namespace as n on n.oid = k.relnamespace
    where o.contype = 'f' and o.confrelid = t.oid and o.conrelid <> t.oid and o.conparentid = 0)"""
"""Foreign keys of others that point to it."""


def _question() -> str:
    """What is prepared; `$1` is the schema, `$2` the name."""
    return f"""
{_STANDING}
select json_build_object(
  'owner', pg_get_userbyid(t.relowner),
  'schema', t.nspname,
  'grants', {_GRANTS.format(c="t")},
  'indexes', {_INDEXES.format(c="t")},
  'options', coalesce(array_to_string(t.reloptions, ', '), ''),
  'unlogged', t.relpersistence = 'u',
  'rules', {_RULES},
  'references', {_REFERENCES},
  'bound', (select coalesce(json_agg(b.what order by b.what), '[]') from ({_bound()}
  ) as b (what)),
  'dependants', {_dependants()}
)::text
from target as t"""


def _dependants() -> str:
    """The views that stand on it, those first that stand nearest, each with all that it takes to make it again."""
    return f"""(select coalesce(json_agg(json_build_object(
    'schema', v.nspname,
    'name', v.relname,
    'kind', v.relkind,
    'query', pg_get_viewdef(v.oid),
    'columns', {_COLUMNS.format(c="v")},
    'owner', pg_get_userbyid(v.relowner),
    'ours', pg_has_role(v.relowner, 'USAGE') and has_schema_privilege(v.schema, 'CREATE') and (
      (select rolsuper from pg_roles where rolname = current_user)
      or has_schema_privilege(v.relowner, v.schema, 'CREATE')),
    'grants', {_GRANTS.format(c="v")},
    'comment', coalesce(obj_description(v.oid, 'pg_class'), ''),
    'indexes', {_INDEXES.format(c="v")},
    'options', coalesce(array_to_string(v.reloptions, ', '), ''),
    'needs', (select coalesce(json_agg(distinct a.attname), '[]')
      from pg_rewrite as r
      join pg_depend as d on d.classid = 'pg_rewrite'::regclass and d.objid = r.oid
        and d.refclassid = 'pg_class'::regclass and d.refobjid = t.oid and d.refobjsubid > 0
      join pg_attribute as a on a.attrelid = t.oid and a.attnum = d.refobjsubid
      where r.ev_class = v.oid)
  ) order by v.depth, v.nspname, v.relname), '[]') from dependant as v)"""


def _bound() -> str:
    """What cannot be made again, in words."""
    on_view = "' of ' || v.oid::regclass::text"
    return f"""
{_BOUND.format(c="t", on="''")}
  union all
  select 'policy ' || p.polname from pg_policy as p where p.polrelid = t.oid
  union all
  select 'row security' where t.relrowsecurity
  union all
  select 'publication ' || p.pubname from pg_publication_rel as m join pg_publication as p on p.oid = m.prpubid
  where m.prrelid = t.oid
  union all
  select case when c.relispartition then 'partition ' else 'child ' end || c.oid::regclass::text
  from pg_inherits as h join pg_class as c on c.oid = h.inhrelid where h.inhparent = t.oid
  union all
  select 'parent ' || h.inhparent::regclass::text from pg_inherits as h where h.inhrelid = t.oid
  union all
  select 'statistics ' || x.stxname from pg_statistic_ext as x where x.stxrelid = t.oid
  union all
  select distinct pg_describe_object(d.classid, d.objid, 0) from pg_depend as d
  where d.classid in ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_cast'::regclass, 'pg_type'::regclass,
      'pg_policy'::regclass, 'pg_rewrite'::regclass)
    and d.deptype = 'n'
    and (d.refclassid = 'pg_class'::regclass and d.refobjid in (select s.oid from standing as s)
      or d.refclassid = 'pg_type'::regclass and d.refobjid in (
        select unnest(array[k.reltype, y.typarray]) from standing as s
        join pg_class as k on k.oid = s.oid join pg_type as y on y.oid = k.reltype))
    and not exists (
      select from pg_rewrite as r where d.classid = 'pg_rewrite'::regclass and r.oid = d.objid
      and (r.rulename = '_RETURN' or r.ev_class in (select s.oid from standing as s)))
    and not exists (
      select from pg_policy as p where d.classid = 'pg_policy'::regclass and p.oid = d.objid and p.polrelid = t.oid)
  union all
  select distinct pg_describe_object(d.classid, d.objid, d.objsubid) from pg_depend as d
  join pg_class as k on k.oid = d.objid
  where d.classid = 'pg_class'::regclass and d.deptype = 'n' and d.refclassid = 'pg_type'::regclass
    and d.refobjid in (t.reltype, t.typarray) and d.objid <> t.oid and k.relkind in ('r', 'p', 'f', 'c')
  union all
  select what.* from dependant as v cross join lateral ({_BOUND.format(c="v", on=on_view)}
  ) as what
  union all
  select 'default of column ' || a.attname || {on_view} from dependant as v
  join pg_attribute as a on a.attrelid = v.oid and a.atthasdef and not a.attisdropped"""


PREPARED = f"prepare {NAME}(text, text) as {_question()}"


def belongings_of(document: str, relation: Relation) -> Belongings:
    """What the answer of `belongings_query` tells; places get the database as the relation has it."""
    told: Mapping[str, Any] = json.loads(document)
    return Belongings(
        owner=told["owner"],
        grants=_grants(told["grants"]),
        indexes=_indexes(told["indexes"]),
        dependants=tuple(_dependant(item, relation) for item in told["dependants"]),
        bound=tuple(dict.fromkeys(told["bound"])),
        references=tuple(_reference(item, relation) for item in told["references"]),
        options=told["options"],
        rules=tuple(Rule(name, definition, tuple(columns or ())) for name, definition, columns in told["rules"]),
        unlogged=told["unlogged"],
    )


def _dependant(item: Mapping[str, Any], relation: Relation) -> Dependant:
    return Dependant(
        relation=Relation(relation.database, item["schema"], item["name"]),
        kind=KINDS[item["kind"]],
        query=item["query"].strip().rstrip(";"),
        columns=tuple(Column(*column) for column in item["columns"] or ()),
        owner=item["owner"],
        ours=item["ours"],
        grants=_grants(item["grants"]),
        comment=item["comment"],
        indexes=_indexes(item["indexes"]),
        options=item["options"],
        needs=tuple(sorted(item["needs"])),
    )


def _reference(item: Mapping[str, Any], relation: Relation) -> Reference:
    place = Relation(relation.database, item["schema"], item["table"])
    return Reference(place, item["name"], item["definition"], item["ours"])


def _grants(items: list[list[Any]]) -> tuple[Grant, ...]:
    return tuple(Grant(privilege, grantee, grantable, column) for privilege, grantee, grantable, column in items)


def _indexes(items: list[list[Any]]) -> tuple[Index, ...]:
    return tuple(
        Index(name, _behind_table(definition), unique, tuple(columns or ()), constraint, comment)
        for name, definition, unique, columns, constraint, comment in items
    )


def _behind_table(definition: str) -> str:
    """What follows the table's name in `CREATE INDEX name ON schema.table USING btree (id)`.

    Names may hold anything within their quotes, the word USING too.
    """
    quoted, index = False, 0
    while index < len(definition):
        if definition[index] == '"':
            quoted = not quoted
        elif not quoted and definition.startswith(" USING ", index):
            return definition[index + 1 :]
        index += 1
    return definition
