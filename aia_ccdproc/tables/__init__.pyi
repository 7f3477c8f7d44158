from .cache import FetchCache
from .calibration import CalibrationTable
from .jsoc import query_series, server_name
from .network import NoAnswerError, download_table

__all__ = [
    "CalibrationTable",
    "FetchCache",
    "NoAnswerError",
    "download_table",
    "query_series",
    "server_name",
]
