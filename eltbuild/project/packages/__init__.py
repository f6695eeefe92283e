"""Other people's projects inside this one: what is asked for, in which version, and how it gets here."""

from __future__ import annotations

from eltbuild.project.packages.install import Installed, install, installed_packages
from eltbuild.project.packages.resolve import InstallPlan, plan_install

__all__ = ["InstallPlan", "Installed", "install", "installed_packages", "plan_install"]
