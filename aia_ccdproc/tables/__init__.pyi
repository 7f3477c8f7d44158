from .cache import FetchCache
from .calibration import CalibrationTable
from .download import download_file, download_table
from .jsoc import describe_series, query_series, server_name
from .network import NoAnswerError, QueryError

__all__ = [
    "CalibrationTable",
    "FetchCache",
    "NoAnswerError",
    "QueryError",
    "describe_series",
    "download_file",
    "download_table",
    "query_series",
    "server_name",
]
