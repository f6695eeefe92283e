"""What dbt packages expect of Jinja: loose arguments turned into questions to a read-only port.

Untyped by nature; nothing outside `eltbuild.compile` imports it.
"""
