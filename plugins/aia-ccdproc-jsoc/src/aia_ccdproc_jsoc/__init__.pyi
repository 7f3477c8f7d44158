from .cutout import Cutout
from .options import QueryOptions
from .records import find_records
from .refresh import refresh_keywords
from .remote import JsocRecord

__all__ = ["Cutout", "JsocRecord", "QueryOptions", "find_records", "refresh_keywords"]
