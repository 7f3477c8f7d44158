from .synthetic import observe

__all__ = ["observe"]
