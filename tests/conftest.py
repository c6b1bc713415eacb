"""Settings of the whole suite."""

from hypothesis import HealthCheck, settings

# No deadline: a machine that is busy is not a failing test.
settings.register_profile("suite", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")
