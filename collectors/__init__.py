"""Ways in: everything that brings records to the bus. They share lakehouse/door.py and nothing else."""
