from .cache import FetchCache
from .calibration import CalibrationTable
from .download import download_table
from .jsoc import query_series, server_name
from .network import NoAnswerError

__all__ = [
    "CalibrationTable",
    "FetchCache",
    "NoAnswerError",
    "download_table",
    "query_series",
    "server_name",
]
