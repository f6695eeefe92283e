"""Queries of all shapes over three small tables, from which something may follow, or only seems to."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

NAMES = ("id", "n", "code")
TABLES = ("raw", "others", '"w"."main"."customers"')
CONDITIONS = (
    "{0} is not null", "not {0} is null", "{0} is null", "{0} > 1", "{0} = {1}", "{0} is distinct from {1}", "code in ('a', 'b')",
    "code = 'a'", "code not in ('a', 'b')", "{0} is not null or {1} > 1", "{0} >= all (select n from others where false)",
    "{0} in (select id from others)", "not {0} = 1", "{0} in (1, 2)", "true", "coalesce({0}, 1) = 1",
)  # fmt: skip
VALUES = (
    "{0}", "{0}", "{0}", "{0}", "coalesce({0}, 0)", "coalesce({0}, {1})", "nullif({0}, 1)", "{0} + 0", "case when {0} > 1 then 1 else 0 end",
    "case when {0} > 1 then 'a' end", "'a'", "cast({0} as boolean)", "1", "lag({0}) over (order by {1})",
    "row_number() over (partition by {0} order by {1})", "row_number() over (partition by {0}, {1})", "rank() over (partition by {0} order by {1})",
    "count(*) over ()", "max({0}) over ()",
)  # fmt: skip
AGGREGATES = ("count(*)", "max({0})", "coalesce(sum({0}), 0)", "count({0})", "min({1})", "max(code)")
JOINS = ("join", "left join", "right join", "full join", "inner join")


@dataclass(slots=True)
class Maker:
    """Makes one query after the other."""

    random: Random

    def query(self) -> str:
        """A query that gives columns of some of the `NAMES`, through common table expressions or without."""
        ctes: list[tuple[str, tuple[str, ...]]] = []
        texts = []
        for number in range(self.random.choice((0, 0, 1, 1, 2))):
            text, names = self.select(ctes)
            ctes.append((f"c{number}", names))
            texts.append(f"c{number} as ({text})")
        body, _ = self.select(ctes)
        return f"with {', '.join(texts)} {body}" if texts else body

    def select(self, ctes: list[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...]]:
        """A SELECT and the names of what it gives."""
        if self.random.random() < 0.06:
            one, names = self.plain(ctes)
            other, others = self.plain(ctes)
            return f"select {names[0]} from ({one}) u union all select {others[0]} from ({other}) v", names[:1]
        return self.plain(ctes)

    def plain(self, ctes: list[tuple[str, tuple[str, ...]]]) -> tuple[str, tuple[str, ...]]:
        """A SELECT that is no set operation."""
        random = self.random
        source, columns = self.source(ctes, "a")
        where = []
        if random.random() < 0.4:
            second, more = self.source(ctes, "b")
            key, other = random.choice(columns), random.choice(more)
            how = random.choice((f"{key} = {other}", f"{key} = {other}", f"{key} is not null", "true", f"{other} > 1"))
            source += f" {random.choice(JOINS)} {second} on {how}"
            columns = (*columns, *more)
        elif random.random() < 0.3:
            columns = tuple(column.partition(".")[2] for column in columns)
        if random.random() < 0.5:
            where.append(self.filled(random.choice(CONDITIONS).replace("code", self.like(columns, "code")), columns))
        tail = f" where {' and '.join(where)}" if where else ""
        names = random.sample(NAMES, random.randint(1, 3))
        kind = random.random()
        if kind < 0.25:
            key = random.choice(columns)
            items = [
                f"{key} as {names[0]}",
                *(f"{self.filled(random.choice(AGGREGATES), columns)} as {name}" for name in names[1:]),
            ]
            if random.random() < 0.2:
                items[0] = f"{self.filled('coalesce({0}, 0)', (key,))} as {names[0]}"
            return f"select {', '.join(items)} from {source}{tail} group by {random.choice((key, '1', key))}", tuple(
                names
            )
        if kind < 0.32:
            items = [f"{self.filled(random.choice(AGGREGATES), columns)} as {name}" for name in names]
            return f"select {', '.join(items)} from {source}{tail}", tuple(names)
        if kind < 0.4 and "." not in columns[0]:
            return f"select * from {source}{tail}", columns
        items = [f"{self.filled(random.choice(VALUES), columns)} as {name}" for name in names]
        word = "distinct " if random.random() < 0.2 else ""
        if random.random() < 0.15:
            first, second = random.choice(columns), random.choice(columns)
            tail += f" qualify row_number() over (partition by {first} order by {second}) {random.choice(('= 1', '= 1', '<= 2'))}"
        return f"select {word}{', '.join(items)} from {source}{tail}", tuple(names)

    def source(self, ctes: list[tuple[str, tuple[str, ...]]], alias: str) -> tuple[str, tuple[str, ...]]:
        """What stands after FROM, and its columns with the alias."""
        if ctes and self.random.random() < 0.7:
            name, names = self.random.choice(ctes)
        else:
            name, names = self.random.choice(TABLES), NAMES
        return f"{name} as {alias}", tuple(f"{alias}.{column}" for column in names)

    def filled(self, text: str, columns: tuple[str, ...]) -> str:
        """The text with columns in it."""
        return text.format(self.random.choice(columns), self.random.choice(columns))

    def like(self, columns: tuple[str, ...], name: str) -> str:
        """A column of that name, or any."""
        found = [column for column in columns if column.endswith(name)]
        return self.random.choice(found or columns)
