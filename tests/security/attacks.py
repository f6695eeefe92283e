"""Templates that would fill the memory or run for ever, by name. Run by itself, it tries those that it is told.

    python attacks.py                 prints one line of JSON for each: name, outcome, seconds

It runs in a process of its own, under a hard limit of memory, so that a bound that is missing ends nobody else.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Mapping

_NESTED = (
    "{% set ns = namespace(l=[1], m=[1]) %}{% for i in range(60) %}"
    "{% set ns.l = [ns.l, ns.l] %}{% set ns.m = [ns.m, ns.m] %}{% endfor %}"
)
_TUPLES = "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}{% set ns.l = (ns.l, ns.l) %}{% endfor %}"
_NUMBERS = "range(1000)|list * 200"

ATTACKS: Mapping[str, str] = {
    # Widths and repetition
    "a text times a billion": "{{ 'a' * 10 ** 10 }}",
    "a power of powers": "{{ 10 ** (10 ** 10) }}",
    "a number squared again and again": "{% set ns = namespace(x=3) %}{% for i in range(60) %}{% set ns.x = ns.x * ns.x %}{% endfor %}",
    "ljust": "{{ 'a'.ljust(10 ** 10) }}",
    "rjust as an attribute": "{{ ('a'|attr('rjust'))(10 ** 10) }}",
    "ljust handed to starmap": "{{ modules.itertools.starmap('a'.ljust, [(10 ** 10,)])|list }}",
    "ljust handed to a function": "{{ try_or_compiler_error('no', 'a'.ljust, 10 ** 10) }}",
    "zfill": "{{ '1'.zfill(10 ** 10) }}",
    "expandtabs": "{{ ('\t' * 1000).expandtabs(10 ** 8) }}",
    "to_bytes": "{{ (5).to_bytes(10 ** 10, 'big') }}",
    "center": "{{ 'a'|center(10 ** 9) }}",
    "center through map": "{{ ['a']|map('center', 10 ** 10)|list }}",
    "center as a block": "{% filter center(10 ** 10) %}x{% endfilter %}",
    "indent": "{{ 'a'|indent(10 ** 9) }}",
    "indent by a text": "{{ ('a\n' * 1000)|indent('x' * 1000000) }}",
    "batch": "{{ [1]|batch(10 ** 10, 'x')|list }}",
    "slice": "{{ [1]|slice(10 ** 10)|list }}",
    "round": "{{ 1.5|round(10 ** 9, 'ceil') }}",
    "replace": "{{ ('a' * 1000000).replace('a', 'b' * 1000000) }}",
    "replace nothing": "{{ ('a' * 1000000).replace('', 'b' * 1000000) }}",
    "the filter replace": "{{ ('a' * 1000000)|replace('a', 'b' * 1000000) }}",
    "translate": "{{ ('a' * 1000000).translate({97: 'b' * 1000000}) }}",
    "strftime": "{{ modules.datetime.datetime.now().strftime('%c' * 900000) }}",
    # Formats
    "a wide format": "{{ '%1000000000d'|format(1) }}",
    "many wide formats": "{{ ('%999999d' * 1000) % 1 }}",
    "a width from a value": "{{ '%*d' % (10 ** 9, 1) }}",
    "one value many times": "{{ ('%(a)s' * 1000000) % {'a': 'x' * 1000000} }}",
    "one field many times": "{{ ('{0}' * 1000000).format('x' * 1000000) }}",
    "a wide field": "{{ '{:>1000000000}'.format(1) }}",
    "a width from a field": "{{ '{:>{w}}'.format(1, w=10 ** 9) }}",
    "format_map": "{{ ('{a}' * 1000000).format_map({'a': 'x' * 1000000}) }}",
    # Doubling
    "a text doubled": "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s ~ ns.s %}{% endfor %}",
    "a text added to itself": "{% set ns = namespace(s='ab') %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "a list added to itself": "{% set ns = namespace(s=[1]) %}{% for i in range(60) %}{% set ns.s = ns.s + ns.s %}{% endfor %}",
    "a list extended by itself": "{% set l = [1] %}{% for i in range(60) %}{% do l.extend(l) %}{% endfor %}",
    "a nested list, printed": _NESTED + "{{ ns.l }}",
    "a nested list as text": _NESTED + "{{ ns.l|string }}",
    "a nested list in a namespace": _NESTED + "{{ ns }}",
    "a nested list in a view": _NESTED + "{{ {'a': ns.l}.values() }}",
    "a nested list as JSON": _NESTED + "{{ tojson(ns.l) }}",
    "a nested list through tojson": _NESTED + "{{ ns.l|tojson }}",
    "a nested list as YAML": _NESTED + "{{ toyaml(ns.l) }}",
    "a nested list through pprint": _NESTED + "{{ ns.l|pprint }}",
    "a nested list joined": _NESTED + "{{ ns.l|join(',') }}",
    "a nested list behind ~": _NESTED + "{{ ns.l ~ '' }}",
    "a nested list behind %": _NESTED + "{{ '%s' % (ns.l,) }}",
    "a nested list in a format": _NESTED + "{{ '{!r}'.format(ns.l) }}",
    "a nested list digested": _NESTED + "{{ local_md5(ns.l) }}",
    "a nested list compared": _NESTED + "{{ ns.l == ns.m }}",
    "a nested list tested": _NESTED + "{{ ns.l is eq(ns.m) }}",
    "a nested list looked for": _NESTED + "{{ ns.l in [ns.m] }}",
    "a nested list indexed": _NESTED + "{{ [ns.m].index(ns.l) }}",
    "a nested list sorted": _NESTED + "{{ [ns.m, ns.l]|sort }}",
    "a nested list sorted in place": _NESTED + "{% do [ns.m, ns.l].sort() %}",
    "a nested tuple as a key": _TUPLES + "{{ {ns.l: 1} }}",
    "a nested tuple got": _TUPLES + "{{ {}.get(ns.l) }}",
    "a nested tuple as an item": _TUPLES + "{{ {}[ns.l] }}",
    "a nested tuple in a set": _TUPLES + "{{ set([ns.l]) }}",
    "a nested tuple, unique": _TUPLES + "{{ [ns.l]|unique|list }}",
    "a tuple multiplied": "{% set ns = namespace(l=(1,)) %}{% for i in range(60) %}{% set ns.l = (ns.l,) * 1000 %}{% endfor %}{{ ns.l }}",
    "aliases in YAML": "{{ fromyaml('a: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\n"
    "c: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: &d [*c,*c,*c,*c,*c,*c,*c,*c,*c,*c]\n"
    "e: &e [*d,*d,*d,*d,*d,*d,*d,*d,*d,*d]\nf: [*e,*e,*e,*e,*e,*e,*e,*e,*e,*e]') }}",
    "long YAML": "{{ fromyaml('- a\n' * 400000) }}",
    # Endless work
    "loops in loops": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "a list that grows while it is walked": "{% set l = [1] %}{% for x in l %}{% do l.append(x) %}{% endfor %}",
    "a macro that calls itself twice": "{% macro a(n) %}{% if n %}{{ a(n - 1) }}{{ a(n - 1) }}{% endif %}{% endmacro %}{{ a(60) }}",
    "a macro that calls itself": "{% macro a() %}{{ a() }}{% endmacro %}{{ a() }}",
    "a loop that calls itself": "{% for x in [1] recursive %}{{ loop([1]) }}{% endfor %}",
    "numbers without end": "{{ modules.itertools.count()|list }}",
    "a number that is not among them": "{{ -1 in modules.itertools.count() }}",
    "a loop that takes none": "{% for x in modules.itertools.count() if false %}{% endfor %}",
    "a selection that finds none": "{{ modules.itertools.count()|select('eq', -1)|first }}",
    "a cycle joined": "{{ modules.itertools.cycle([1])|join }}",
    "repetition joined": "{{ ''.join(modules.itertools.repeat('a' * 100000)) }}",
    "repetition added up": "{{ modules.itertools.repeat(1)|sum }}",
    "repetition extends": "{% do [].extend(modules.itertools.repeat(1)) %}",
    "repetition as a set": "{{ set(modules.itertools.repeat(1)) }}",
    "repetition as arguments": "{{ zip(*modules.itertools.repeat([1])) }}",
    "repetition as a mapping": "{{ dict(modules.itertools.repeat([1, 2])) }}",
    "a product": "{{ modules.itertools.product(range(1000), repeat=10)|list }}",
    "many pools": "{{ modules.itertools.product(range(1000), repeat=10 ** 9) }}",
    "islice": "{{ modules.itertools.islice(modules.itertools.count(), 10 ** 12, none)|list }}",
    "filterfalse": "{{ modules.itertools.filterfalse(none, modules.itertools.count(1))|list }}",
    "tee": "{{ modules.itertools.tee([1], 10 ** 9) }}",
    "accumulate": "{{ modules.itertools.accumulate(modules.itertools.repeat('a' * 100000))|list }}",
    "many sorts": "{% set l = " + _NUMBERS + " %}" + "{{ l|sort|length }}" * 800,
    # Searches
    "a nested repetition": "{{ modules.re.match('(a+)+$', 'a' * 40 ~ 'b') }}",
    "a choice repeated": "{{ modules.re.compile('(a|a)*$').match('a' * 40 ~ 'b') }}",
    "repetitions side by side": "{{ modules.re.search('a*a*a*a*b', 'a' * 3000) }}",
    "a long text searched": "{{ modules.re.search('a*b', 'a' * 1000000) }}",
    "a group repeated and asked for": "{{ modules.re.match('(a*)*\\\\1b', 'a' * 60) }}",
    "long replacements": "{{ modules.re.sub('a', 'x' * 1000000, 'a' * 1000000) }}",
    "groups in replacements": "{{ modules.re.sub('.+', '\\\\g<0>' * 100000, 'a' * 1000000) }}",
    "expand": "{{ modules.re.match('.+', 'a' * 1000000).expand('\\\\g<0>' * 100000) }}",
    # Output and memory
    "long output": "{% set x = 'a' * 100000 %}{% for a in range(99999) %}{{ x }}{% endfor %}",
    "long output of a macro": "{% set x = 'a' * 100000 %}{% macro m() %}{% for a in range(99999) %}{{ x }}{% endfor %}{% endmacro %}{% set y = m() %}",
    "long output in a variable": "{% set x %}{% for i in range(99999) %}{{ 'a' * 100000 }}{% endfor %}{% endset %}",
    "many texts": "{% set l = [] %}{% for i in range(99999) %}{% do l.append('x' * 1000000 ~ i) %}{% endfor %}",
    "many lists": "{% set l = [] %}{% for i in range(99999) %}{% do l.append(range(100000)|list) %}{% endfor %}",
    "many words": "{% set l = [] %}{% set s = 'ab ' * 500000 %}{% for i in range(99999) %}{% do l.append(s.split()) %}{% endfor %}",
    "a long word in prose": "{{ ('http://' * 200000)|urlize }}",
    "wordwrap": "{{ ('a-' * 900000)|wordwrap(10) }}",
    "striptags": "{{ ('<' * 1900000)|striptags }}",
}  # fmt: skip


def tried(text: str) -> str:
    """What becomes of a template: the line and words of its error, or what it gave."""
    from eltbuild.compile.dbt.functions import STATIC
    from eltbuild.jinja.clock import Clock, running
    from eltbuild.jinja.errors import TemplateError
    from eltbuild.jinja.limits import Limits
    from eltbuild.jinja.template import load, render

    bounds = Limits(seconds=1, steps=400_000, size=2_000_000, memory=100_000_000)
    try:
        with running(Clock(bounds)):
            return f"gave {render(load(text), dict(STATIC))!r:.60}"
    except TemplateError as error:
        return f"line {error.line}: {error.message}"
    except BaseException as error:
        return f"{type(error).__name__}: {error}"


def main(names: list[str]) -> None:
    """Try the attacks of those names, all without any."""
    for name in names or ATTACKS:
        began = time.monotonic()
        outcome = tried(ATTACKS[name])
        print(json.dumps([name, outcome, round(time.monotonic() - began, 2)]), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
