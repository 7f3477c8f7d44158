from .correction import correct_degradation, degradation

__all__ = ["correct_degradation", "degradation"]
