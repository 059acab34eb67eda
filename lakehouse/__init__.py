"""The one shared package: contracts, storage, privacy, settings and the command line. It knows no framework."""
