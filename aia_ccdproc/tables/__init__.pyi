from .cache import FetchCache
from .calibration import CalibrationTable
from .download import download_table
from .jsoc import query_series, server_name
from .network import NoAnswerError, QueryError

__all__ = [
    "CalibrationTable",
    "FetchCache",
    "NoAnswerError",
    "QueryError",
    "download_table",
    "query_series",
    "server_name",
]
