"""A recipe with many problems."""

SIX_PROBLEMS = """\
name = "wrong"
color = "red"

[[step]]
use = "register"
xmethod = "bicubic"
conserve = "flux"
force = "yes"

[[step]]
use = "update_pointing"

[[step]]
use = "normalise_exposure"
"""
