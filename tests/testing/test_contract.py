"""The contract of a step: the core's steps keep it, and whatever breaks it is caught."""

from __future__ import annotations


def test_core(check_step, level1, pointing_path):
    check_step("normalize_exposure")
    check_step("register")
    check_step("update_pointing", {"source": str(pointing_path)})
