"""`python -m eltbuild`."""

from eltbuild.cli import main

main()
