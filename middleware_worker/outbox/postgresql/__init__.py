"""Django's PostgreSQL engine, which does not take an unreplicated commit for a good one."""
