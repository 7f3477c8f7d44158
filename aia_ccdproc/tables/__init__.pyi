from .cache import FetchedOnce
from .calibration import CalibrationTable
from .jsoc import query_series, server_name
from .network import NoAnswerError, download_table

__all__ = [
    "CalibrationTable",
    "FetchedOnce",
    "NoAnswerError",
    "download_table",
    "query_series",
    "server_name",
]
