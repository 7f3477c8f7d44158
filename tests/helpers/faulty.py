"""A recipe that is wrong in many ways."""

SIX_PROBLEMS = """\
name = "wrong"
colour = "red"

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
