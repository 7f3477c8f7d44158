from .cutout import Cutout
from .records import JsocRecord, find_records
from .refresh import refresh_keywords

__all__ = ["Cutout", "JsocRecord", "find_records", "refresh_keywords"]
