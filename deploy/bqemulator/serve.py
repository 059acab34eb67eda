"""A local BigQuery API on the port given: bqemulator, without DuckDB's extension `spatial`.

The extension cannot be had from PyPI, and bqemulator does not start without it. All that is lost is GEOGRAPHY, which no contract has.
Run it with the python of the environment that install.sh makes.

    .tools/bqemulator/bin/python deploy/bqemulator/serve.py 9050 9060     ─▶ REST, gRPC on 127.0.0.1, tables in memory
"""

import sys

from bqemulator.config import LogLevel, Settings
from bqemulator.server import run_forever
from bqemulator.storage.engine import DuckDBEngine

DuckDBEngine._load_spatial = lambda self: None

if __name__ == "__main__":
    rest, grpc = (int(port) for port in sys.argv[1:])
    run_forever(Settings(rest_port=rest, grpc_port=grpc, enable_format_extensions=False, log_level=LogLevel.ERROR))
