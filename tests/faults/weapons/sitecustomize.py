"""Read by Python at its start, where a trial puts this folder on PYTHONPATH."""

import trigger

trigger.arm()
