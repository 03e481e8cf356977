from hypothesis import HealthCheck, settings

# A test passes or fails for what it claims, never for how busy the machine is or what was drawn
# this time.  New examples are searched for by hand: pytest --hypothesis-profile=search
settings.register_profile(
    "repeatable",
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "search", deadline=None, max_examples=5000, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("repeatable")
