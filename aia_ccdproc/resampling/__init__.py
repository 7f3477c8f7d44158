"""Resample arrays from one WCS to another: arrays and two WCSs in, arrays out."""
