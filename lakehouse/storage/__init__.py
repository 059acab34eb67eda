"""Where bytes live: five protocols, a reference in memory, and one implementation a profile."""
