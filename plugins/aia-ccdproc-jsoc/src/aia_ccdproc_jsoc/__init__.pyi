from .records import JsocRecord, find_records
from .refresh import refresh_keywords

__all__ = ["JsocRecord", "find_records", "refresh_keywords"]
