"""Records, journal, statistics, settings, progress: what everything stands on."""
