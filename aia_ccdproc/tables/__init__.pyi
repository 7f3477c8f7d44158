from .cache import FetchCache
from .calibration import CalibrationTable
from .download import download_file, download_table, downloaded
from .jsoc import connect, describe_series, query_series, server_name
from .network import NoAnswerError, QueryError, query_with_retries

__all__ = [
    "CalibrationTable",
    "FetchCache",
    "NoAnswerError",
    "QueryError",
    "connect",
    "describe_series",
    "download_file",
    "download_table",
    "downloaded",
    "query_series",
    "query_with_retries",
    "server_name",
]
