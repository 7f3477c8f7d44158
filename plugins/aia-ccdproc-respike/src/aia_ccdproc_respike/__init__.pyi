from .spikes import Spikes, fetch_spikes, find_spikes, read_spikes
from .steps import despike, respike

__all__ = ["Spikes", "despike", "fetch_spikes", "find_spikes", "read_spikes", "respike"]
